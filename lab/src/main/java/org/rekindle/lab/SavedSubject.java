package org.rekindle.lab;

import java.nio.file.Path;
import java.util.Map;
import org.rekindle.responsiveness.SteadyState;
import org.rekindle.workingset.Profile;

/**
 * A subject that was saved in steady state, and what it was like.
 *
 * @param subject what was saved
 * @param image where, with a profile attached
 * @param rivals what its rivals have saved of it: their names, and their files
 * @param identity by which it is recognised
 * @param steadyState its heartbeat before it was saved
 * @param truth the pages that it touches, recorded independently of the profile
 */
public record SavedSubject(
    Subject subject,
    Path image,
    Map<String, Path> rivals,
    String identity,
    SteadyState steadyState,
    Profile truth) {}
