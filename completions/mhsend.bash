# Completes the words of mhsend(8) in bash. The other commands of the hub make their own scripts; this one is written by hand.
_mhsend() {
    local word=$2 before=$3
    COMPREPLY=()
    case $before in
    -C | --file)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    -N) mapfile -t COMPREPLY < <(compgen -W 'never success failure delay' -- "$word") ;;
    -R) mapfile -t COMPREPLY < <(compgen -W 'full hdrs' -- "$word") ;;
    -B) mapfile -t COMPREPLY < <(compgen -W '7BIT 8BITMIME' -- "$word") ;;
    -f | -r | -F | -V | -qI) ;;
    *)
        case $word in
        -*)
            mapfile -t COMPREPLY < <(compgen -W '-t -i -f -F -N -R -V -B -C -v -odb -odi -odq -q -qI -bp -bi -bV -Mrm
                --file --check --print-config --version --help' -- "$word")
            ;;
        *) mapfile -t COMPREPLY < <(compgen -u -- "$word") ;;
        esac
        ;;
    esac
}
complete -F _mhsend mhsend
