package org.rekindle.guest.firecracker;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.child.PrivateDirectory;
import org.rekindle.linux.PeerCredentials;

/**
 * What a Firecracker sees of our files. One that the jailer has started sees a folder of ours as
 * its root, and nothing else; and it runs as another user.
 *
 * @param root the folder that is its root; null if it sees all that we see
 */
public record Jail(@Nullable Path root) {
  /** No jail. */
  public static final Jail NONE = new Jail(null);

  /**
   * The name under which it sees a file.
   *
   * @throws IOException if it does not see it
   */
  public String seen(Path file) throws IOException {
    Path whole = file.toAbsolutePath().normalize();
    if (root == null) {
      return whole.toString();
    }
    Path top = root.toAbsolutePath().normalize();
    if (!whole.startsWith(top)) {
      throw new IOException(
          "Firecracker does not see %s: that is outside of its jail %s".formatted(file, root));
    }
    return "/" + top.relativize(whole);
  }

  /**
   * A folder that it and we may use, and nobody else.
   *
   * @param place where, if there is no jail
   * @param prefix of its name
   * @param firecracker who runs it
   * @throws IOException if there can be none
   */
  PrivateDirectory sharedFolder(Path place, String prefix, PeerCredentials firecracker)
      throws IOException {
    PrivateDirectory folder = PrivateDirectory.create(root == null ? place : root, prefix);
    try {
      giveTo(folder.path(), firecracker);
      return folder;
    } catch (IOException | RuntimeException failed) {
      try (folder) {
        throw failed;
      }
    }
  }

  /** Root needs no permission, and may hand files over; others share only with themselves. */
  static void giveTo(Path file, PeerCredentials firecracker) throws IOException {
    int uid = (int) Files.getAttribute(file, "unix:uid");
    if (firecracker.uid() == uid || firecracker.uid() == 0) {
      return;
    }
    if (uid != 0) {
      throw new IOException(
          "Firecracker runs as user %d, whose files are not ours (user %d); run this as that user or as root"
              .formatted(firecracker.uid(), uid));
    }
    Files.setAttribute(file, "unix:gid", firecracker.gid());
    Files.setAttribute(file, "unix:uid", firecracker.uid());
  }
}
