import { WordTable } from './word-table.ts'

/** How telling a command's name is beside a separator. */
export const Command = {
  /** No word of prose: `ifconfig`, `wget`, `uname`. */
  sure: 1,
  /** Also a word or a name of something sold: `cat`, `sort`, `date`, `ping`. Needs an argument that only a shell takes. */
  common: 2,
} as const

/** Programs and builtins of Unix shells and Windows that command injections call. */
export const commands: WordTable = new WordTable([
  [
    Command.sure,
    'dir env ls uname whoami ifconfig ipconfig netstat wget curl nslookup chmod chown passwd sudo bash zsh ksh csh tcsh busybox python3 nc ncat netcat telnet systeminfo tasklist taskkill rm rmdir mkdir printenv getent awk gawk nmap traceroute tracert lynx tftp scp sftp rsync ssh crontab useradd adduser usermod iptables uptime lsof lsblk lscpu lspci pwd cmd powershell pwsh certutil bitsadmin regsvr32 rundll32 wmic schtasks xcopy robocopy mkfs dd xxd hexdump strace gdb tcpdump hostname attrib phpinfo dmesg egrep fgrep grep sed xargs tee gcc openssl base64 xp_cmdshell expr gethostbyname mysql psql sqlite3 netsh gpresult quser nbtstat pathping cscript wscript mshta ps id mv cp chgrp chroot gunzip gzip bzip2 unzip uuencode uudecode halt reboot shutdown killall pkill nohup rpm dpkg yum apk kubectl systemctl vmstat iostat whereis',
  ],
  [
    Command.common,
    'cat cut date sort more less head tail who kill touch echo print printf set type copy move del ping sleep wait man top at test read eval exec source export alias find host w nice time timeout watch which last finger write wall mail sendmail ruby node java route net start call ftp apt sh join paste split tr vi ed ex jobs bg fg history help groups users sync stat file link install make diff patch false true yes no seq shuf rev fold exit trap unset ulimit umask arp reg vol ver tar dig mount umount php perl python fetch docker init du df nl tac od ln',
  ],
])
