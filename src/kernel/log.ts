import pino, { type Logger } from 'pino'

// Last line of defence: fields that may hold personal data never reach a log, whoever passes them.
const PERSONAL = [
  'name',
  'phone',
  'idNumber',
  'address',
  'accountNo',
  'body',
  'headers',
  'cookie',
  'authorization',
  'password',
  'code',
  'token',
]

export function createLog(level: string): Logger {
  return pino({
    level,
    base: null,
    redact: { paths: PERSONAL.flatMap(field => [field, `*.${field}`]), censor: '[removed]' },
    formatters: { level: label => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  })
}

export const silentLog = (): Logger => pino({ level: 'silent' })
