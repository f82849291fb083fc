package org.rekindle.cli;

import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassFile.ClassHierarchyResolverOption;
import java.lang.classfile.ClassFile.StackMapsOption;
import java.lang.classfile.ClassFileVersion;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassModel;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeTransform;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;

/*
 * Why a library's classes are written anew
 *
 * The JVM keeps no class in its AOT cache whose file is older than version 50 (Java 6), nor one that
 * extends or was verified against such a class: they have no stack maps, so whether they are sound has to
 * be found out at each start. Picocli's are of version 49. That kept 150 classes out, every command of
 * Rekindle among them, and took a third of the time until a command line was understood
 * (docs/performance/start.md). The same instructions, with stack maps and under a version of today, are
 * kept like all others.
 */

/**
 * Brings the class files in jars to the version that this JDK writes; the launcher's build runs it.
 */
final class ClassFileUpgrade {
  /** The first version whose files have stack maps (JVMS 4.10). */
  private static final int FIRST_WITH_STACK_MAPS = 50;

  private final ClassFile classFiles;

  /**
   * @param classes finds the classes of the jars, of which common ancestors are asked; none is
   *     initialised
   */
  ClassFileUpgrade(ClassLoader classes) {
    classFiles =
        ClassFile.of(
            StackMapsOption.GENERATE_STACK_MAPS,
            ClassHierarchyResolverOption.of(ClassHierarchyResolver.ofClassLoading(classes)));
  }

  /** Upgrades the jars named, which have to be on the class path. */
  public static void main(String[] jars) throws IOException {
    ClassFileUpgrade upgrade = new ClassFileUpgrade(ClassFileUpgrade.class.getClassLoader());
    for (String jar : jars) {
      if (upgrade.upgrade(Path.of(jar))) {
        System.out.println("class files upgraded: " + jar);
      }
    }
  }

  /**
   * Replaces the jar by one with upgraded classes, at once or, upon failure, not at all.
   *
   * @return false if there was nothing to upgrade: the jar is as it was
   */
  boolean upgrade(Path jar) throws IOException {
    Path upgraded = jar.resolveSibling(jar.getFileName() + ".upgraded");
    try {
      try (JarFile from = new JarFile(jar.toFile())) {
        if (!isOld(from)) {
          return false;
        }
        try (OutputStream file = Files.newOutputStream(upgraded);
            JarOutputStream to = new JarOutputStream(file)) {
          for (JarEntry entry : Collections.list(from.entries())) {
            to.putNextEntry(new JarEntry(entry.getName()));
            to.write(isClass(entry) ? upgrade(content(from, entry)) : content(from, entry));
          }
        }
      }
      Files.move(upgraded, jar, REPLACE_EXISTING);
      return true;
    } finally {
      Files.deleteIfExists(upgraded);
    }
  }

  private boolean isOld(JarFile jar) throws IOException {
    for (JarEntry entry : Collections.list(jar.entries())) {
      if (isClass(entry) && isOld(classFiles.parse(content(jar, entry)))) {
        return true;
      }
    }
    return false;
  }

  private byte[] upgrade(byte[] content) throws IOException {
    ClassModel parsed = classFiles.parse(content);
    if (!isOld(parsed)) {
      return content;
    }
    byte[] upgraded = classFiles.transformClass(parsed, withTodaysVersion().andThen(rebuilt()));
    List<VerifyError> errors = classFiles.verify(upgraded);
    if (!errors.isEmpty()) {
      throw new IOException(
          "%s cannot be upgraded: %s"
              .formatted(parsed.thisClass().asInternalName(), errors.getFirst().getMessage()));
    }
    return upgraded;
  }

  private static ClassTransform withTodaysVersion() {
    return (builder, element) ->
        builder.with(
            element instanceof ClassFileVersion
                ? ClassFileVersion.of(ClassFile.latestMajorVersion(), 0)
                : element);
  }

  /** Code that goes through a transform is not copied but written anew, and so gets stack maps. */
  private static ClassTransform rebuilt() {
    return ClassTransform.transformingMethodBodies(
        CodeTransform.ofStateful(() -> (builder, element) -> builder.with(element)));
  }

  private static boolean isOld(ClassModel parsed) {
    return parsed.majorVersion() < FIRST_WITH_STACK_MAPS;
  }

  private static boolean isClass(JarEntry entry) {
    return entry.getName().endsWith(".class");
  }

  private static byte[] content(JarFile jar, JarEntry entry) throws IOException {
    return jar.getInputStream(entry).readAllBytes();
  }
}
