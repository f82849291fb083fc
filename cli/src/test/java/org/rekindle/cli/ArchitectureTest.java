package org.rekindle.cli;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.GeneralCodingRules.NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The house rules of ARCHITECTURE.md that a compiler does not hold. */
class ArchitectureTest {
  private static final JavaClasses OURS =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages("org.rekindle");

  @ParameterizedTest(name = "{0} knows only [{1}]")
  @CsvSource({
    "linux,''",
    "json,''",
    "scope,''",
    "envelope,''",
    "workingset,envelope",
    "responsiveness,''",
    "scan,workingset envelope linux",
    "image,envelope workingset linux json",
    "restore,image workingset linux scope",
    "guest,restore image scan workingset linux json scope",
    "lab,guest restore image scan workingset responsiveness linux json scope",
  })
  void dataFlowsOneWay(String room, String knows) {
    Set<String> allowed =
        Arrays.stream((room + " " + knows).split(" ", -1))
            .map(name -> "org.rekindle." + name)
            .collect(Collectors.toSet());
    noClasses()
        .that()
        .resideInAPackage("org.rekindle." + room + "..")
        .should()
        .dependOnClassesThat(
            new DescribedPredicate<JavaClass>("are of other rooms than " + allowed) {
              @Override
              public boolean test(JavaClass type) {
                String name = type.getPackageName();
                return name.startsWith("org.rekindle")
                    && allowed.stream()
                        .noneMatch(ok -> name.equals(ok) || name.startsWith(ok + "."));
              }
            })
        .allowEmptyShould(true)
        .check(OURS);
  }

  @Test
  void guestsNeverKnowAStrategy() {
    noClasses()
        .that()
        .resideInAPackage("org.rekindle.guest..")
        .should()
        .dependOnClassesThat()
        .haveNameMatching("org\\.rekindle\\.restore\\.(.*Plan|Pager|Restore)(\\$.*)?")
        .check(OURS);
  }

  @Test
  void nativeCallsLiveInOnePackage() {
    noClasses()
        .that()
        .resideOutsideOfPackage("org.rekindle.linux")
        .should()
        .dependOnClassesThat()
        .belongToAnyOf(Linker.class, SymbolLookup.class)
        .orShould()
        .callMethod(MemorySegment.class, "reinterpret", long.class)
        .check(OURS);
  }

  @Test
  void onlyTheCommandTalks() {
    NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS.check(
        OURS.that(
            DescribedPredicate.describe(
                "are of core and guests",
                type ->
                    !type.getPackageName().startsWith("org.rekindle.cli")
                        && !type.getPackageName().startsWith("org.rekindle.lab"))));
  }

  @Test
  void nobodyUsesJavaUtilLogging() {
    noClasses().should().dependOnClassesThat().resideInAPackage("java.util.logging..").check(OURS);
  }

  @Test
  void packagesHaveNoCycles() {
    slices().matching("org.rekindle.(**)").should().beFreeOfCycles().check(OURS);
  }
}
