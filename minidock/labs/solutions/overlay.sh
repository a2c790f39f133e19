# The topmost layer comes first.
mount -t overlay overlay -o lowerdir=app:base,upperdir=upper,workdir=work merged
echo 'hello from the container' >merged/greeting
rm merged/secret
ls -l upper base
