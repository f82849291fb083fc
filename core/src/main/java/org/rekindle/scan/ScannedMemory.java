package org.rekindle.scan;

/**
 * Memory of a running guest, as its process has it mapped.
 *
 * @param pid of the process
 * @param region its name in an image of the guest
 * @param address of its first page in the process
 */
public record ScannedMemory(long pid, String region, long address, int pages) {}
