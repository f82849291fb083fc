package org.rekindle.cli;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.firecracker.SnapshotLoad;
import org.rekindle.guest.uffd.UffdServer;
import org.rekindle.image.Image;
import org.rekindle.restore.DecodedBlocks;
import picocli.CommandLine;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** A VMM that connects and hands its userfaultfd over, as Firecracker does. */
class UffdTarget implements Target {
  /** Guests whose memory comes in another way. */
  private static final Set<String> OTHER_KINDS = Set.of("qemu", "criu");

  /**
   * Decoded blocks that restores share: what one second of a wave brings from a fast disk, so that
   * all of the wave find it, and little beside the memory of the guests.
   */
  private static final long SHARED_BYTES = 256 << 20;

  @Option(
      names = "--uffd",
      paramLabel = "SOCKET",
      description =
          """
          Listen at this path for a VMM that hands over a userfaultfd (Firecracker's \
          mem_backend "Uffd").\
          """)
  private @Nullable Path socket;

  @Option(
      names = "--socket-mode",
      paramLabel = "OCTAL",
      defaultValue = "600",
      converter = Mode.class,
      description =
          """
          Who may connect to SOCKET, as for chmod (default: ${DEFAULT-VALUE}, its owner only). \
          Whoever may can take the memory of the image.\
          """)
  private int mode = 0600;

  private FailurePolicy onFailure = new FailurePolicy();

  @Mixin private final FirecrackerLoad load = new FirecrackerLoad();

  /** Reads permissions such as 600 or 660. */
  static final class Mode implements ITypeConverter<Integer> {
    private static final Pattern FORM = Pattern.compile("0?[0-7]{3}");

    @Override
    public Integer convert(String text) {
      if (!FORM.matcher(text).matches()) {
        throw new TypeConversionException(
            "'" + text + "' is no mode; write three octal digits, such as 660");
      }
      return Integer.parseInt(text, 8);
    }
  }

  /** Refuses options that do not go together. */
  UffdTarget checked(CommandLine command, FailurePolicy policy) {
    onFailure = policy;
    load.check(command, vms());
    return this;
  }

  @Override
  public String synopsis() {
    return "--uffd SOCKET (or --firecracker API_SOCKET)";
  }

  @Override
  public boolean chosen() {
    return socket != null || load.chosen();
  }

  /** How many VMMs are served; 0: until interrupted. */
  int vms() {
    return 1;
  }

  @Override
  public void carryOut(Job job, Cleanup cleanup) throws Exception {
    Image image = job.image();
    String kind = image.manifest().guestKind();
    if (OTHER_KINDS.contains(kind)) {
      throw new IOException(
          "%s holds a guest of kind '%s', whose memory is not handed over by --uffd"
              .formatted(image.directory(), kind));
    }
    SnapshotLoad loading = load.prepare(image);
    if (loading != null) {
      cleanup.own(loading);
    }
    Path path = socket != null ? socket : Objects.requireNonNull(loading).socket();
    UffdServer server = cleanup.own(new UffdServer(path, mode, image.memory(), onFailure.value()));
    if (vms() != 1) {
      job.share(cleanup.own(new DecodedBlocks(image, SHARED_BYTES)));
    }
    try (UffdSessions sessions = new UffdSessions(job, loading)) {
      if (loading == null) {
        job.command().say("waiting for a VMM at " + path + " (Ctrl-C ends it)");
        serve(server, sessions);
      } else {
        serve(server, sessions, loading, path);
      }
      sessions.throwIfAnyFailed();
    }
  }

  private void serve(UffdServer server, UffdSessions sessions) throws IOException {
    try {
      server.serve(vms(), sessions::restore, sessions::ended);
    } finally {
      sessions.publish();
    }
  }

  /** Serves the VMM that is to load; if it cannot, nobody will connect. */
  private void serve(UffdServer server, UffdSessions sessions, SnapshotLoad loading, Path path)
      throws IOException {
    Thread serving = Thread.currentThread();
    AtomicReference<@Nullable IOException> failure = new AtomicReference<>();
    loading.begin(
        path,
        failed -> {
          if (!sessions.anyBegan()) {
            failure.set(failed);
            serving.interrupt();
          }
        });
    try {
      serve(server, sessions);
    } catch (InterruptedIOException interrupted) {
      IOException failed = failure.get();
      if (failed == null) {
        throw interrupted;
      }
      Thread.interrupted(); // it was for serve alone
      throw failed;
    }
  }
}
