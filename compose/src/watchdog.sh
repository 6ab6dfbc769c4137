# The watchdog of one cluster: waits until the owner is gone, however it died, and removes what it left behind.
#
# Its input is a pipe whose other end only the owner holds, so the end of the input is the end of the owner. Needs sh, kill,
# rm and sleep, and ps where there is no /proc. A process is never judged by a stored number alone, which might have been
# reused: it must run one of the cluster's programs in the cluster's directory, or (ps) name that directory as an argument.
#
# Arguments: the cluster's directory, the process file system, then the programs: postgres, initdb, pg_basebackup, redis-server,
# and those that stand before nodes.

directory=$1
proc=$2
shift 2

# Ctrl-C, a closed terminal or a service manager may reach us as well as the owner; the owner decides.
trap '' HUP INT QUIT TERM

while read -r _; do :; done
[ -d "$directory" ] || exit 0

ours_from_proc() {
    for process in "$proc"/[0-9]*; do
        for program; do
            [ "$process/exe" -ef "$program" ] || continue
            for place in "$directory" "$directory"/*/; do
                if [ "$process/cwd" -ef "$place" ]; then echo "${process##*/}"; fi
            done
        done
    done
}

ours_from_ps() {
    for file in "$directory"/*/postmaster.pid "$directory"/*/redis.pid "$directory"/*/server.pid; do
        [ -f "$file" ] || continue
        read -r leader < "$file"
        case $(ps -ww -p "$leader" -o command= 2>/dev/null) in
            *"$directory"*) echo "$leader" ;;
            *) continue ;;
        esac
        ps -A -o pid= -o ppid= | while read -r child parent; do
            if [ "$parent" = "$leader" ]; then echo "$child"; fi
        done
    done
}

ours() {
    if [ -e "$proc/self/exe" ]; then ours_from_proc "$@"; else ours_from_ps; fi
}

# Signals the processes that an id file of this name tells of, as far as they are still ours.
tell() {
    signal=$1
    name=$2
    shift 2
    for file in "$directory"/*/"$name"; do
        [ -f "$file" ] || continue
        read -r leader < "$file"
        for pid in $(ours "$@"); do
            if [ "$pid" = "$leader" ]; then kill -"$signal" "$pid" 2>/dev/null; fi
        done
    done
}

# A frozen server can do nothing, not even notice that its postmaster died.
for pid in $(ours "$@"); do kill -CONT "$pid" 2>/dev/null; done

# An immediate shutdown gives the shared memory back; it takes milliseconds. The others have nothing to give back.
tell QUIT postmaster.pid "$@"
tell KILL redis.pid "$@"
tell KILL server.pid "$@"
tries=0
while [ -n "$(ours "$@")" ] && [ "$tries" -lt 20 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
for pid in $(ours "$@"); do kill -KILL "$pid" 2>/dev/null; done

# A postmaster that was killed left its id file, and with it a segment of shared memory: the second number of line 7.
for file in "$directory"/*/postmaster.pid; do
    [ -f "$file" ] || continue
    segment=
    { for _ in 1 2 3 4 5 6; do read -r _; done; read -r _ segment; } < "$file"
    if [ -n "$segment" ]; then ipcrm -m "$segment" 2>/dev/null; fi
done

# What was still writing while we removed may have put something back.
tries=0
while [ -d "$directory" ] && [ "$tries" -lt 20 ]; do
    rm -rf "$directory" 2>/dev/null && break
    sleep 0.1
    tries=$((tries + 1))
done
