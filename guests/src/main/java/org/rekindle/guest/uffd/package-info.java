/**
 * Machines whose VMM hands over a userfaultfd, as Firecracker does.
 *
 * <p>A {@link org.rekindle.guest.uffd.UffdServer} listens; a VMM connects and sends where its guest
 * memory lies ({@link org.rekindle.guest.uffd.HandedRegion}) and the descriptor that watches it
 * ({@link org.rekindle.guest.uffd.HandOver}). From then on it is a {@link
 * org.rekindle.guest.uffd.UffdGuest}, over an {@link org.rekindle.guest.uffd.AddressSpace}: one
 * userfaultfd, and which pages of the image belong at which of its addresses ({@link
 * org.rekindle.guest.uffd.PageRanges}). Bytes in docs/protocols/uffd-handover.md.
 */
@NullMarked
package org.rekindle.guest.uffd;

import org.jspecify.annotations.NullMarked;
