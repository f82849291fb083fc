package org.rekindle.lab;

/** What the guest of a {@link DemoMachine} does. */
public sealed interface GuestWorkload permits WorkloadParameters, DebianWorkload {
  /** What it is told on the kernel command line. */
  String kernelArguments();

  /** How many beats a pass over its working set has, or how many it takes to become steady. */
  int beatsPerPass();

  /** How many pages it touches in that, about. */
  int workingSetPages();

  /** Whether it answers "sum" with a checksum over all memory that it has filled. */
  boolean sumsItsMemory();
}
