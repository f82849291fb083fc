package org.rekindle.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class ClassFileUpgradeTest {
  @TempDir private Path directory = Path.of("unset");
  private final ClassFileUpgrade upgrade =
      new ClassFileUpgrade(ClassFileUpgradeTest.class.getClassLoader());
  private Path jar = Path.of("unset");

  @BeforeEach
  void copiesPicocli() throws Exception {
    Path picocli =
        Path.of(CommandLine.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    jar = Files.copy(picocli, directory.resolve("picocli.jar"));
  }

  @Test
  void theLibraryIsStillOld() throws Exception {
    assertThat(classes())
        .as("if its classes have stack maps of their own, ClassFileUpgrade is not needed any more")
        .anyMatch(each -> each.majorVersion() < 50);
  }

  @Test
  void everyClassPassesTheVerifierOfToday() throws Exception {
    List<String> before = names();
    assertThat(upgrade.upgrade(jar)).isTrue();

    assertThat(names()).isEqualTo(before);
    assertThat(classes()).allMatch(each -> each.majorVersion() >= 50);
    ClassLoader platform = ClassLoader.getPlatformClassLoader();
    try (URLClassLoader loader = new URLClassLoader(new URL[] {jar.toUri().toURL()}, platform)) {
      for (ClassModel each : classes()) {
        String name = each.thisClass().asInternalName().replace('/', '.');
        assertThat(Class.forName(name, true, loader).getClassLoader()).isSameAs(loader); // verifies
      }
    }
  }

  @Test
  void whatHasStackMapsIsLeftAsItIs() throws Exception {
    upgrade.upgrade(jar);
    byte[] once = Files.readAllBytes(jar);

    assertThat(upgrade.upgrade(jar)).isFalse();
    assertThat(Files.readAllBytes(jar)).isEqualTo(once);
    assertThat(directory)
        .isDirectoryContaining(jar::equals)
        .isDirectoryNotContaining("glob:**.upgraded");
  }

  @Test
  void aJarThatCannotBeReadIsLeftAsItIs() throws Exception {
    byte[] whole = Files.readAllBytes(jar);
    byte[] truncated = Arrays.copyOf(whole, whole.length / 2);
    Files.write(jar, truncated);

    assertThatThrownBy(() -> upgrade.upgrade(jar)).isInstanceOf(IOException.class);
    assertThat(Files.readAllBytes(jar)).isEqualTo(truncated);
    assertThat(Objects.requireNonNull(directory.toFile().list())).hasSize(1);
  }

  private List<ClassModel> classes() throws IOException {
    try (JarFile opened = new JarFile(jar.toFile())) {
      List<ClassModel> classes = new ArrayList<>();
      for (JarEntry entry : Collections.list(opened.entries())) {
        if (entry.getName().endsWith(".class") && !entry.getName().endsWith("module-info.class")) {
          classes.add(ClassFile.of().parse(opened.getInputStream(entry).readAllBytes()));
        }
      }
      return classes;
    }
  }

  private List<String> names() throws IOException {
    try (JarFile opened = new JarFile(jar.toFile())) {
      return opened.stream().map(JarEntry::getName).toList();
    }
  }
}
