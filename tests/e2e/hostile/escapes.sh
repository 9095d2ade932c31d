# expect: ended | ^[[2J
printf '\033[2J\033]0;owned\007\033[31mred\n\377\376\000end\n\302\2330m\r\n'
