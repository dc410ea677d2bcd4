# fish completion for virtc. (In a directory of $fish_complete_path; or: virtc completion fish | source)

function __virtc_complete
    set -l words (commandline -opc)
    set -l token (commandline -ct)
    for line in ($words[1] __complete -- $words $token 2>/dev/null)
        switch $line
            case ':files' ':directories'
                # Of "--rootfs=DIR" only the value is a path.
                set -l option (string match -r -- '^--[^=]*=' $token)
                set -l value (string replace -r -- '^--[^=]*=' '' $token)
                if test $line = ':directories'
                    printf "$option%s\n" (__fish_complete_directories $value '')
                else
                    printf "$option%s\n" (__fish_complete_path $value)
                end
            case '*'
                printf '%s\n' $line
        end
    end
end

complete -c virtc -f -a '(__virtc_complete)'
