package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class DemoMachineTest {
  private static final GuestKit KIT =
      new GuestKit(Path.of("/bin/qemu"), Path.of("/k"), Path.of("/i"));

  @Test
  void theDemoIsOneGibibyteOfAnonymousMemory() {
    List<String> command = DemoMachine.demo(KIT).command(Path.of("/tmp/s"));
    assertThat(command)
        .startsWith("/bin/qemu")
        .containsSequence("-m", "1024M")
        .containsSequence("-machine", "pc")
        .containsSequence("-kernel", "/k", "-initrd", "/i")
        .containsSequence("-chardev", "socket,id=serial,path=/tmp/s,server=on,wait=off")
        .doesNotContain("-drive", "-netdev", "-object");
    assertThat(command.get(command.indexOf("-append") + 1))
        .contains("quiet loglevel=1", "rekindle.fill=720", "rekindle.set=96");
  }

  @Test
  void sharedMemoryAndVirtioDevicesAreAddedOnDemand() {
    DemoMachine machine =
        new DemoMachine(
            KIT,
            "q35",
            2,
            192,
            DemoMachine.Backing.MEMFD,
            Optional.of(Path.of("/tmp/a,b")),
            WorkloadParameters.SMALL);
    assertThat(machine.command(Path.of("/tmp/s")))
        .containsSequence("-smp", "2")
        .containsSequence("-object", "memory-backend-memfd,id=ram,size=192M,share=on")
        .containsSequence("-machine", "q35,memory-backend=ram")
        .containsSequence("-drive", "if=none,id=disk,format=raw,readonly=on,file=/tmp/a,,b")
        .contains("virtio-blk-pci,drive=disk", "virtio-net-pci,netdev=net,romfile=");
  }

  @Test
  void aPassHasAsManyBeatsAsTheWorkloadSays() {
    assertThat(WorkloadParameters.DEMO.beatsPerPass()).isEqualTo(192);
    assertThat(new WorkloadParameters(8, 1, 100, 1, 1, 1).beatsPerPass()).isEqualTo(3);
  }
}
