import { spawn } from 'node:child_process'

/** Runs a program to its end and gives what it wrote; it does not outlive a signal to this process. */
export function exec(file, args, { onStart, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
    onStart?.(child.pid)
    const stop = (signal) => {
      child.kill('SIGKILL')
      process.exitCode = 1
      process.stderr.write(`\n[setup] stopped by ${signal}\n`)
    }
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
    for (const signal of signals) process.on(signal, stop)
    const done = () => {
      for (const signal of signals) process.off(signal, stop)
    }
    child.on('error', (error) => {
      done()
      reject(error)
    })
    child.on('close', (status) => {
      done()
      resolve({ status, output: output.trim() })
    })
  })
}
