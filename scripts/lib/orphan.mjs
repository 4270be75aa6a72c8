// Preloaded into everything a task starts: a process whose parent is gone has nobody to report to, and ends.
const parent = process.ppid
setInterval(() => {
  if (process.ppid === parent) return
  process.kill(process.pid, 'SIGTERM')
  setTimeout(() => process.exit(1), 5000).unref()
}, 300).unref()
