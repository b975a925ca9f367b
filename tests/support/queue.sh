# `aws sqs` over a folder: receive-message hands over up to ten files that were not handed over since the reader began, and
# delete-message removes one. A queue whose reader has died (another parent) delivers again.
seen="queue.seen.$PPID"
mkdir -p "$seen"
case "$2" in
  receive-message)
    count=0
    list=
    for file in queue/*; do
      name=${file##*/}
      if [ "$count" -lt 10 ] && [ -f "$file" ] && [ ! -e "$seen/$name" ]; then
        : > "$seen/$name"
        body=$(sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' "$file" | awk '{ printf "%s\\n", $0 }')
        list="$list${list:+,}{\"ReceiptHandle\":\"$name\",\"Body\":\"$body\"}"
        count=$((count + 1))
      fi
    done
    [ -z "$list" ] || printf '{"Messages":[%s]}\n' "$list"
    ;;
  delete-message)
    while [ "$1" != --receipt-handle ]; do shift; done
    echo "$2" >> queue.deleted
    rm "queue/$2"
    ;;
  *) exit 1 ;;
esac
