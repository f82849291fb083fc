package org.rekindle.guest.process.inside;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.process.store.Load;
import org.rekindle.guest.process.store.Registers;
import org.rekindle.guest.process.store.Store;
import org.rekindle.guest.process.store.Workload;

/*
 * A virtual CPU made of a Java thread
 *
 * When a worker touches a page that is missing, the kernel puts its thread to sleep in the middle of
 * compiled code. For the JVM that thread runs: it cannot be brought to a safepoint until the page
 * comes. So while memory is missing the JVM must want nothing from all of its threads, or one stall
 * becomes a stall of everybody:
 *
 *  - Collections. Workers allocate nothing (LoadTest), others next to nothing. The heap is small, but
 *    its young generation takes more than all that is allocated from the start to the end of a demo
 *    (ProcessGuest has the figures), and a rehearsal leaves it empty. The collector is
 *    the serial one: no threads of its own that would take one of two cores, no barriers that slow the
 *    workers down. Epsilon, which never collects, would end the guest when its clients have made enough
 *    garbage; the serial collector then waits for the worker, which is an honest stall.
 *  - Ends. Runtime.exit and halt want a safepoint too. So the program ends itself by SIGKILL.
 *  - The compiler. To throw code away it shakes hands with each thread; the compiler's thread waits for
 *    the worker then, nobody else does. A rehearsal on scratch memory has it done before.
 */

/**
 * Runs the load of one part of the memory, and serves others between two operations. It alone
 * touches that part.
 */
final class Worker implements Runnable {
  private final MemorySegment memory;
  private final @Nullable BeatLine beats; // null: this one does not beat
  private final Thread thread;
  private final Mailbox mailbox;
  private @Nullable Registers registers; // of a load that has not touched its memory yet
  private @Nullable Load load;
  private boolean running;
  private boolean ended;

  /**
   * @param registers where to go on; null in memory that has no store yet
   */
  Worker(
      int number, MemorySegment memory, @Nullable Registers registers, @Nullable BeatLine beats) {
    this.memory = memory;
    this.registers = registers;
    this.beats = beats;
    // The name tells the other side which virtual CPU a fault is of.
    this.thread = Thread.ofPlatform().daemon().name("vcpu " + number).unstarted(this);
    this.mailbox = new Mailbox(thread);
  }

  void start() {
    thread.start();
  }

  Mailbox mailbox() {
    return mailbox;
  }

  @Override
  public void run() {
    while (!ended) {
      mailbox.serve(this);
      if (running) {
        operate();
      } else if (!ended) {
        LockSupport.park(this);
      }
    }
  }

  private void operate() {
    Load running = load();
    running.step();
    if (beats != null && running.operations() % running.operationsPerBeat() == 0) {
      beats.beat(running.operations() / running.operationsPerBeat(), running.digest());
    }
  }

  /** The load; the first call touches guest memory. */
  Load load() {
    Load known = load;
    if (known == null) {
      if (registers == null) {
        throw new IllegalStateException("this guest has not been booted yet");
      }
      known = Load.resume(memory, registers);
      load = known;
    }
    return known;
  }

  /** Makes a store and fills it. */
  void boot(Workload workload, long seed, long nonce) {
    load = Load.begin(Store.format(memory, workload.records(), nonce), workload, seed);
  }

  void resume() {
    running = true;
    if (beats != null) {
      beats.running();
    }
  }

  void pause() {
    running = false;
  }

  /** Ends the thread. */
  void end() {
    running = false;
    ended = true;
  }

  /** The registers, without a touch of guest memory. */
  Registers registers() {
    if (load != null) {
      return load.registers();
    }
    if (registers == null) {
      throw new IllegalStateException("this guest has not been booted yet");
    }
    return registers;
  }

  MemorySegment memory() {
    return memory;
  }
}
