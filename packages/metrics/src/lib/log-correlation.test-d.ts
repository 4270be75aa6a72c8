import { pino } from 'pino'

import { logOptions, traceMixin } from './log-correlation.ts'

pino(logOptions())
pino({ ...logOptions(), level: 'debug' }, pino.destination({ dest: 2, sync: true }))
pino({ mixin: traceMixin })

// @ts-expect-error the options of redaction have names
logOptions({ secretFields: ['pin'] })
