# Two calls make directories; younger architectures have only the second.
mkdirat=$(awk '$2 == "mkdirat" { print $1 }' calls)
mkdir=$(awk '$2 == "mkdir" { print $1 }' calls)
cat >no-directories <<END
load 0
equal ${mkdir:-$mkdirat} 2 0 # on to the last line
equal $mkdirat 1 0           # on to the last line
return 0x7fff0000
return 0x00050001
END
./under-filter no-directories sleep 1000 &
