# SPDX-License-Identifier: Apache-2.0
# fish completion for reaperctl(1)

# Prints the sessions that the caller may see; nothing if the daemon does not answer. Leaves out names that a shell could take
# for more than a word.
function __reaperctl_sessions
    reaperctl list --json 2>/dev/null | string replace -rf '^ *"session": "([A-Za-z0-9.]+)",?$' '$1'
end

complete -c reaperctl -f
complete -c reaperctl -s h -l help -d 'Print a summary and exit'
complete -c reaperctl -n __fish_use_subcommand -l version -d 'Print the version and exit'

complete -c reaperctl -n __fish_use_subcommand -a list -d 'List the sessions that reaper watches'
complete -c reaperctl -n __fish_use_subcommand -a watch -d 'Show the sessions live, with the time that each has left'
complete -c reaperctl -n __fish_use_subcommand -a explain -d 'Explain which rule applies to a session, why, what happens next, and what would end with it'
complete -c reaperctl -n __fish_use_subcommand -a warn -d "Show a session's warning, or a text, on its terminals now"
complete -c reaperctl -n __fish_use_subcommand -a hold -d 'Keep a session for a limited time'
complete -c reaperctl -n __fish_use_subcommand -a release -d 'End a hold before its time'
complete -c reaperctl -n __fish_use_subcommand -a lock -d 'Lock a session until its user unlocks it'
complete -c reaperctl -n __fish_use_subcommand -a terminate -d 'End a session now'
complete -c reaperctl -n __fish_use_subcommand -a check -d 'Check the policy files and print the merged policy'
complete -c reaperctl -n __fish_use_subcommand -a policy -d 'Print the policy with the file and line of each value'
complete -c reaperctl -n __fish_use_subcommand -a reload -d 'Make the daemon read the policy files again'
complete -c reaperctl -n __fish_use_subcommand -a doctor -d 'Find what keeps a limit from being enforced, with a remedy'

complete -c reaperctl -n '__fish_seen_subcommand_from list watch explain' -l json -d "Print the daemon's answer as JSON"

complete -c reaperctl -n '__fish_seen_subcommand_from list watch' -l user -x -a '(__fish_complete_users)' -d 'Only these users'
complete -c reaperctl -n '__fish_seen_subcommand_from list watch' -l origin -x -a 'ssh console serial graphical other' -d 'Only this kind of line'
complete -c reaperctl -n '__fish_seen_subcommand_from list watch' -l phase -x -a 'active warned deferred locked observed ending held' -d 'Only in this phase'
complete -c reaperctl -n '__fish_seen_subcommand_from list watch' -l rule -x -d 'Only under these rules'
complete -c reaperctl -n '__fish_seen_subcommand_from list watch' -l from -x -d 'Only from an address, a network or a pattern of host names'
complete -c reaperctl -n '__fish_seen_subcommand_from list watch' -l sort -x -a 'opened session user from terminal idle phase next rule' -d 'Sort by these keys'
complete -c reaperctl -n '__fish_seen_subcommand_from list watch' -s r -l reverse -d 'Reverse the order'
complete -c reaperctl -n '__fish_seen_subcommand_from list' -s l -l full -d 'Show all columns, and cut nothing but commands'
complete -c reaperctl -n '__fish_seen_subcommand_from list' -l no-header -d 'Print only the sessions'

complete -c reaperctl -n '__fish_seen_subcommand_from explain' -a '(__reaperctl_sessions)' -d 'Session'
complete -c reaperctl -n '__fish_seen_subcommand_from explain' -a self -d 'The session of this terminal'

set -l requests warn hold release lock terminate
complete -c reaperctl -n "__fish_seen_subcommand_from $requests" -l json -d "Print the daemon's answer as JSON"
complete -c reaperctl -n "__fish_seen_subcommand_from $requests" -a '(__reaperctl_sessions)' -d 'Session'
complete -c reaperctl -n "__fish_seen_subcommand_from $requests" -a self -d 'The session of this terminal'
complete -c reaperctl -n '__fish_seen_subcommand_from hold release terminate' -l reason -x -d 'The reason, for the journal'
complete -c reaperctl -n '__fish_seen_subcommand_from terminate' -l force -d 'Also end a session that is held or only observed'

complete -c reaperctl -n '__fish_seen_subcommand_from check policy' -l json -d 'Print the policy, or the mistakes, as JSON'
complete -c reaperctl -n '__fish_seen_subcommand_from check policy' -l root -x -a '(__fish_complete_directories)' -d 'Read the policy files below a directory'
complete -c reaperctl -n '__fish_seen_subcommand_from check policy' -F

complete -c reaperctl -n '__fish_seen_subcommand_from policy' -l for -x -a '(__fish_complete_users)' -d 'Print which rule a session of this user would be under'
complete -c reaperctl -n '__fish_seen_subcommand_from policy' -l from -x -d 'The remote host'
complete -c reaperctl -n '__fish_seen_subcommand_from policy' -l origin -x -a 'ssh console serial graphical other' -d 'The kind of line'
complete -c reaperctl -n '__fish_seen_subcommand_from policy' -l terminal -x -a none -d 'The terminal of the session'
complete -c reaperctl -n '__fish_seen_subcommand_from policy' -l service -x -d 'The PAM service'
complete -c reaperctl -n '__fish_seen_subcommand_from policy' -l group -x -a '(__fish_complete_groups)' -d 'A group of the user'
complete -c reaperctl -n '__fish_seen_subcommand_from policy' -l elevated -d 'Root acts in the session'
complete -c reaperctl -n '__fish_seen_subcommand_from policy' -l at -x -d 'Day of the week and time, like "Mon 14:30"'

complete -c reaperctl -n '__fish_seen_subcommand_from reload' -l json -d "Print the daemon's answer as JSON"

complete -c reaperctl -n __fish_use_subcommand -a log -d 'Show from the journal what happened to sessions'
complete -c reaperctl -n '__fish_seen_subcommand_from log' -a '(__reaperctl_sessions)' -d 'Session'
complete -c reaperctl -n '__fish_seen_subcommand_from log' -l all -d 'Show every session of that name'
complete -c reaperctl -n '__fish_seen_subcommand_from log' -l user -x -a '(__fish_complete_users)' -d "Only events of this user's sessions"
complete -c reaperctl -n '__fish_seen_subcommand_from log' -l day -x -a 'today yesterday' -d 'Only events of this day'
complete -c reaperctl -n '__fish_seen_subcommand_from log' -l since -x -a 'today yesterday' -d 'Only events from this time on'
complete -c reaperctl -n '__fish_seen_subcommand_from log' -l until -x -a 'today yesterday' -d 'Only events up to this time'
complete -c reaperctl -n '__fish_seen_subcommand_from log' -l event -x -a 'opened reauthenticated closed resumed warned cancelled deferred held released locked unlocked unlock-failed ending terminated terminate-failed observed tampered robot brake clock-stepped policy-loaded policy-rejected started stopped' -d 'Only events of these kinds'
complete -c reaperctl -n '__fish_seen_subcommand_from log' -s n -x -d 'Only the last so many events'
complete -c reaperctl -n '__fish_seen_subcommand_from log' -s b -l boot -d 'Only events of this boot'
complete -c reaperctl -n '__fish_seen_subcommand_from log' -s f -l follow -d 'Print the last events, then new ones as they come'
complete -c reaperctl -n '__fish_seen_subcommand_from log' -l json -d 'Print the events as JSON'

complete -c reaperctl -n '__fish_seen_subcommand_from doctor' -l json -d 'Print the findings, and what ends each kind of session first, as JSON'
complete -c reaperctl -n '__fish_seen_subcommand_from doctor' -s q -l quiet -d 'Print errors only'
