package org.rekindle.cli;

/** A command whose line ends with a QEMU command. */
interface RunsQemu {}
