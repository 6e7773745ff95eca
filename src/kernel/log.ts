import pino, { type DestinationStream, type Logger } from 'pino'

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

/** What stands before a number or token in a line of JSON: its edge, or an escape such as \n. */
const EDGE = String.raw`(?<![0-9A-Za-z]|\\)|(?<=\\[bfnrt])|(?<=\\u[0-9a-f]{4})`
/** Mobile, card and citizen numbers; tokens of sessions and the codes under which bills and orders are read. */
const TELLING = new RegExp(
  String.raw`(?:${EDGE})(?:(?:\+?86)?1[3-9]\d{9}|\d{15,17}[\dXx]{1,2}|\d{19}|[0-9a-hjkmnp-tv-z]{26}|[0-9a-hjkmnp-tv-z]{52})(?![0-9A-Za-z])`,
  'g',
)
/** A number by itself stays a number, so that the line stays JSON. */
const BARE = /(?<=[:,[])(?:1[3-9]\d{9}|\d{16,19})(?=[,}\]])/g

/** Text of libraries and of the database may quote what a person typed: nothing that looks like it passes. */
export const scrubLine = (line: string): string => line.replace(BARE, '0').replace(TELLING, '[removed]')

/** Fields of a database error; what it says of values (`detail`, `where`, the row) stays out. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return typeof error === 'string' ? error.slice(0, 500) : typeof error
  const { code: sqlstate, constraint, table, schema, routine } = error as Error & Record<string, unknown>
  // The first line of a stack repeats the message; a message quotes input between double quotes.
  const message = error.message.replace(/"[^"]{40,}"|(?<=: )"[^"]*"/g, '"…"').slice(0, 500)
  const frames = (error.stack ?? '').split('\n').filter(line => /^\s+at /.test(line))
  return { type: error.name, message, sqlstate, constraint, table, schema, routine, stack: frames.slice(0, 20).join('\n') }
}

export function createLog(level: string, destination?: DestinationStream): Logger {
  return pino(
    {
      level,
      base: null,
      redact: { paths: PERSONAL.flatMap(field => [field, `*.${field}`, `*.*.${field}`]), censor: '[removed]' },
      formatters: { level: label => ({ level: label }) },
      serializers: { err: describeError },
      hooks: { streamWrite: scrubLine },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    destination ?? pino.destination(1),
  )
}

export const silentLog = (): Logger => pino({ level: 'silent' })
