# Starts services of the packages that a project has, and asks each something; run in the project's view.
# Nothing of it is left behind. As root the database runs as somebody else, since it refuses to be root.
set -eu
place=$(mktemp -d)
trap 'cd /; rm -rf "$place"' EXIT
chmod 755 "$place"
as=""
if [ "$(id -u)" = 0 ]; then
    as="setpriv --reuid 65534 --regid 65534 --clear-groups"
    chown 65534:65534 "$place"
fi
cd "$place"

bin=$(ls -d /usr/lib/postgresql/*/bin)
$as "$bin/initdb" -D "$place/data" -U asker --auth trust >init.log 2>&1 || { cat init.log; exit 1; }
$as "$bin/pg_ctl" -D "$place/data" -o "-k $place -h ''" -w -l "$place/log" start >start.log || { cat "$place/log"; exit 1; }
$as psql -h "$place" -U asker -d postgres -Atc "select 'the database answers ' || 40 + 2"
$as "$bin/pg_ctl" -D "$place/data" -m immediate stop >stop.log

redis-server --port 0 --unixsocket "$place/redis.sock" --save '' --daemonize no >redis.log &
redis=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do [ -S redis.sock ] && break; sleep 0.3; done
redis-cli -s "$place/redis.sock" set word 'Redis answers' >set.log
redis-cli -s "$place/redis.sock" get word
kill $redis

mkdir www
echo 'nginx serves' >www/index.html
cat >nginx.conf <<CONF
pid $place/nginx.pid; error_log $place/nginx.log; daemon off;
events {}
http {
    access_log off;
    client_body_temp_path $place/1; proxy_temp_path $place/2; fastcgi_temp_path $place/3; uwsgi_temp_path $place/4; scgi_temp_path $place/5;
    server { listen unix:$place/http.sock; root $place/www; }
}
CONF
nginx -c "$place/nginx.conf" &
nginx=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do [ -S http.sock ] && break; sleep 0.3; done
curl -s --unix-socket "$place/http.sock" http://localhost/
kill $nginx
wait
