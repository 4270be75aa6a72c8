import { logOptions } from '@shop/metrics'
import { multistream, pino, type DestinationStream, type Logger } from 'pino'

/** Lines of JSON with the trace and request id of whoever they were written for, and without personal data. */
export function createLog(to: DestinationStream = split()): Logger {
  return pino(logOptions(), to)
}

/** What somebody should look at goes to stderr, the rest to stdout. */
function split(): DestinationStream {
  const streams = [
    { level: 'info', stream: process.stdout },
    { level: 'warn', stream: process.stderr },
  ] as const
  return multistream([...streams], { dedupe: true })
}
