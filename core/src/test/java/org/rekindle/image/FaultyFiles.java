package org.rekindle.image;

import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.AccessMode;
import java.nio.file.CopyOption;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystem;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.nio.file.StandardOpenOption;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileAttributeView;
import java.nio.file.attribute.UserPrincipalLookupService;
import java.nio.file.spi.FileSystemProvider;
import java.util.Iterator;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;

/**
 * A file system over the real one that fails at a chosen step. A step is whatever changes
 * something: creating, writing, syncing, renaming, deleting. Reading always works.
 */
final class FaultyFiles extends FileSystem {
  /** What goes wrong. */
  enum Fault {
    /** The power fails: a write in progress gets half way, and nothing happens any more. */
    CRASH,
    /** The disk is full for this one step; a delete still works. */
    DISK_FULL
  }

  private final Fault fault;
  private final int failingStep;
  private final AtomicInteger steps = new AtomicInteger();
  private final FileSystem real;
  private final Provider provider;

  FaultyFiles(Path anyRealPath, Fault fault, int failingStep) {
    this.fault = fault;
    this.failingStep = failingStep;
    real = anyRealPath.getFileSystem();
    provider = new Provider();
  }

  /** The same file, seen through this file system. */
  Path path(Path path) {
    return new FaultyPath(path);
  }

  /** Whether there were enough steps for the fault to happen. */
  boolean failed() {
    return steps.get() > failingStep;
  }

  /** Called at each step. Returns whether a write is to get half way and then fail. */
  private boolean failsNow(boolean needsSpace) {
    int step = steps.getAndIncrement();
    return fault == Fault.CRASH ? step >= failingStep : needsSpace && step == failingStep;
  }

  private void step(boolean needsSpace) throws IOException {
    if (failsNow(needsSpace)) {
      throw failure();
    }
  }

  private IOException failure() {
    return new IOException(fault == Fault.CRASH ? "crashed" : "No space left on device");
  }

  private @Nullable Path wrap(@Nullable Path path) {
    return path == null ? null : new FaultyPath(path);
  }

  private static Path unwrap(Path path) {
    return path instanceof FaultyPath faulty ? faulty.real : path;
  }

  private final class Channel extends FileChannel {
    private final FileChannel channel;

    Channel(FileChannel channel) {
      this.channel = channel;
    }

    @Override
    public int write(ByteBuffer from) throws IOException {
      if (failsNow(true)) {
        channel.write(from.limit(from.position() + from.remaining() / 2));
        throw failure();
      }
      return channel.write(from);
    }

    @Override
    public void force(boolean metaData) throws IOException {
      step(true);
      channel.force(metaData);
    }

    @Override
    public int read(ByteBuffer into) throws IOException {
      return channel.read(into);
    }

    @Override
    public int read(ByteBuffer into, long position) throws IOException {
      return channel.read(into, position);
    }

    @Override
    public long position() throws IOException {
      return channel.position();
    }

    @Override
    public long size() throws IOException {
      return channel.size();
    }

    @Override
    public @Nullable FileLock tryLock(long position, long size, boolean shared) throws IOException {
      return channel.tryLock(position, size, shared);
    }

    @Override
    protected void implCloseChannel() throws IOException {
      channel.close();
    }

    @Override
    public long read(ByteBuffer[] into, int offset, int length) {
      throw new UnsupportedOperationException();
    }

    @Override
    public long write(ByteBuffer[] from, int offset, int length) {
      throw new UnsupportedOperationException();
    }

    @Override
    public FileChannel position(long newPosition) {
      throw new UnsupportedOperationException();
    }

    @Override
    public FileChannel truncate(long size) {
      throw new UnsupportedOperationException();
    }

    @Override
    public long transferTo(long position, long count, WritableByteChannel target) {
      throw new UnsupportedOperationException();
    }

    @Override
    public long transferFrom(ReadableByteChannel source, long position, long count) {
      throw new UnsupportedOperationException();
    }

    @Override
    public int write(ByteBuffer from, long position) {
      throw new UnsupportedOperationException();
    }

    @Override
    public MappedByteBuffer map(MapMode mode, long position, long size) {
      throw new UnsupportedOperationException();
    }

    @Override
    public FileLock lock(long position, long size, boolean shared) {
      throw new UnsupportedOperationException();
    }
  }

  private final class Provider extends FileSystemProvider {
    private final FileSystemProvider files = real.provider();

    @Override
    public FileChannel newFileChannel(
        Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes)
        throws IOException {
      if (options.contains(StandardOpenOption.WRITE)) {
        step(true);
      }
      return new Channel(files.newFileChannel(unwrap(path), options, attributes));
    }

    @Override
    public SeekableByteChannel newByteChannel(
        Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes)
        throws IOException {
      return newFileChannel(path, options, attributes);
    }

    @Override
    public DirectoryStream<Path> newDirectoryStream(
        Path directory, DirectoryStream.Filter<? super Path> filter) throws IOException {
      DirectoryStream<Path> entries = files.newDirectoryStream(unwrap(directory), filter);
      return new DirectoryStream<>() {
        @Override
        public Iterator<Path> iterator() {
          return StreamSupport.stream(entries.spliterator(), false)
              .map(FaultyFiles.this::path)
              .iterator();
        }

        @Override
        public void close() throws IOException {
          entries.close();
        }
      };
    }

    @Override
    public void createDirectory(Path directory, FileAttribute<?>... attributes) throws IOException {
      step(true);
      files.createDirectory(unwrap(directory), attributes);
    }

    @Override
    public void delete(Path path) throws IOException {
      step(false);
      files.delete(unwrap(path));
    }

    @Override
    public void move(Path from, Path to, CopyOption... options) throws IOException {
      step(true);
      files.move(unwrap(from), unwrap(to), options);
    }

    @Override
    public void copy(Path from, Path to, CopyOption... options) {
      throw new UnsupportedOperationException();
    }

    @Override
    public boolean isSameFile(Path one, Path other) throws IOException {
      return files.isSameFile(unwrap(one), unwrap(other));
    }

    @Override
    public boolean isHidden(Path path) throws IOException {
      return files.isHidden(unwrap(path));
    }

    @Override
    public java.nio.file.FileStore getFileStore(Path path) throws IOException {
      return files.getFileStore(unwrap(path));
    }

    @Override
    public void checkAccess(Path path, AccessMode... modes) throws IOException {
      files.checkAccess(unwrap(path), modes);
    }

    @Override
    public <V extends FileAttributeView> @Nullable V getFileAttributeView(
        Path path, Class<V> type, LinkOption... options) {
      return files.getFileAttributeView(unwrap(path), type, options);
    }

    @Override
    public <A extends BasicFileAttributes> A readAttributes(
        Path path, Class<A> type, LinkOption... options) throws IOException {
      return files.readAttributes(unwrap(path), type, options);
    }

    @Override
    public Map<String, Object> readAttributes(Path path, String attributes, LinkOption... options)
        throws IOException {
      return files.readAttributes(unwrap(path), attributes, options);
    }

    @Override
    public void setAttribute(
        Path path, String name, @Nullable Object value, LinkOption... options) {
      throw new UnsupportedOperationException();
    }

    @Override
    public String getScheme() {
      return "faulty";
    }

    @Override
    public FileSystem newFileSystem(URI uri, Map<String, ?> environment) {
      throw new UnsupportedOperationException();
    }

    @Override
    public FileSystem getFileSystem(URI uri) {
      throw new UnsupportedOperationException();
    }

    @Override
    public Path getPath(URI uri) {
      throw new UnsupportedOperationException();
    }
  }

  @SuppressWarnings("NullAway") // every method passes on what the real path says, null or not
  private final class FaultyPath implements Path {
    private final Path real;

    FaultyPath(Path real) {
      this.real = real;
    }

    @Override
    public FileSystem getFileSystem() {
      return FaultyFiles.this;
    }

    @Override
    public boolean isAbsolute() {
      return real.isAbsolute();
    }

    @Override
    public Path getRoot() {
      return wrap(real.getRoot());
    }

    @Override
    public Path getFileName() {
      return wrap(real.getFileName());
    }

    @Override
    public Path getParent() {
      return wrap(real.getParent());
    }

    @Override
    public int getNameCount() {
      return real.getNameCount();
    }

    @Override
    public Path getName(int index) {
      return path(real.getName(index));
    }

    @Override
    public Path subpath(int begin, int end) {
      return path(real.subpath(begin, end));
    }

    @Override
    public boolean startsWith(Path other) {
      return real.startsWith(unwrap(other));
    }

    @Override
    public boolean endsWith(Path other) {
      return real.endsWith(unwrap(other));
    }

    @Override
    public Path normalize() {
      return path(real.normalize());
    }

    @Override
    public Path resolve(Path other) {
      return path(real.resolve(unwrap(other)));
    }

    @Override
    public Path relativize(Path other) {
      return path(real.relativize(unwrap(other)));
    }

    @Override
    public URI toUri() {
      return real.toUri();
    }

    @Override
    public Path toAbsolutePath() {
      return path(real.toAbsolutePath());
    }

    @Override
    public Path toRealPath(LinkOption... options) throws IOException {
      return path(real.toRealPath(options));
    }

    @Override
    public WatchKey register(
        WatchService watcher, WatchEvent.Kind<?>[] events, WatchEvent.Modifier... modifiers) {
      throw new UnsupportedOperationException();
    }

    @Override
    public int compareTo(Path other) {
      return real.compareTo(unwrap(other));
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof FaultyPath path && path.real.equals(real);
    }

    @Override
    public int hashCode() {
      return real.hashCode();
    }

    @Override
    public String toString() {
      return real.toString();
    }
  }

  @Override
  public FileSystemProvider provider() {
    return provider;
  }

  @Override
  public Path getPath(String first, String... more) {
    return path(real.getPath(first, more));
  }

  @Override
  public String getSeparator() {
    return real.getSeparator();
  }

  @Override
  public Set<String> supportedFileAttributeViews() {
    return real.supportedFileAttributeViews();
  }

  @Override
  public boolean isOpen() {
    return true;
  }

  @Override
  public boolean isReadOnly() {
    return false;
  }

  @Override
  public void close() {}

  @Override
  public Iterable<Path> getRootDirectories() {
    throw new UnsupportedOperationException();
  }

  @Override
  public Iterable<java.nio.file.FileStore> getFileStores() {
    throw new UnsupportedOperationException();
  }

  @Override
  public PathMatcher getPathMatcher(String pattern) {
    throw new UnsupportedOperationException();
  }

  @Override
  public UserPrincipalLookupService getUserPrincipalLookupService() {
    throw new UnsupportedOperationException();
  }

  @Override
  public WatchService newWatchService() {
    throw new UnsupportedOperationException();
  }
}
