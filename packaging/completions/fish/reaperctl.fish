# SPDX-License-Identifier: Apache-2.0
# fish completion for reaperctl(1)

# The sessions that the caller may see; nothing where the daemon does not answer. A name that a shell could take for more
# than a word is left out.
function __reaperctl_sessions
    reaperctl list --json 2>/dev/null | string replace -rf '^ *"session": "([A-Za-z0-9.]+)",?$' '$1'
end

complete -c reaperctl -f
complete -c reaperctl -s h -l help -d 'Print a summary and exit'
complete -c reaperctl -n __fish_use_subcommand -l version -d 'Print the version and exit'

complete -c reaperctl -n __fish_use_subcommand -a list -d 'List the sessions that reaper watches'
complete -c reaperctl -n __fish_use_subcommand -a explain -d 'Say which rule won, why, and what happens next'
complete -c reaperctl -n __fish_use_subcommand -a check -d 'Validate the policy files and print the merged policy'

complete -c reaperctl -n '__fish_seen_subcommand_from list explain' -l json -d "Print the daemon's answer as JSON"
complete -c reaperctl -n '__fish_seen_subcommand_from explain' -a '(__reaperctl_sessions)' -d 'Session'

complete -c reaperctl -n '__fish_seen_subcommand_from check' -l json -d 'Print the policy, or the mistakes, as JSON'
complete -c reaperctl -n '__fish_seen_subcommand_from check' -l root -x -a '(__fish_complete_directories)' -d 'Read the policy files below a directory'
complete -c reaperctl -n '__fish_seen_subcommand_from check' -F
