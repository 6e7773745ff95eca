/**
 * '-0.02' with digits=2 -> -2. Exact: works on the digits, never on a float.
 * Undefined when the text is no plain decimal or has non-zero digits beyond `digits`.
 */
export function parseDecimal(text: string, digits: number): number | undefined {
  const match = /^(-?)(\d{1,13})(?:\.(\d*))?$/.exec(text)
  if (!match) return undefined
  const fraction = match[3] ?? ''
  for (let i = digits; i < fraction.length; i++) if (fraction.charCodeAt(i) !== 48) return undefined
  const units = Number(match[2]) * 10 ** digits + Number(fraction.slice(0, digits).padEnd(digits, '0'))
  if (!Number.isSafeInteger(units)) return undefined
  return match[1] === '-' && units !== 0 ? -units : units
}

/** -2 with digits=2 -> '-0.02'. */
export function renderDecimal(units: number, digits: number): string {
  if (!Number.isSafeInteger(units)) throw new RangeError(`not a whole number of units: ${units}`)
  const text = String(Math.abs(units)).padStart(digits + 1, '0')
  return `${units < 0 ? '-' : ''}${text.slice(0, -digits)}.${text.slice(-digits)}`
}

/** Decimals printed in a figure: how exact a sum in a footer can be. */
export function decimalsOf(text: string): number {
  const point = text.indexOf('.')
  return point < 0 ? 0 : text.length - point - 1
}

const SHANGHAI_MS = 8 * 3_600_000

/** '2019-02-19 05:01:46' (ASCII or full-width colons), Asia/Shanghai -> instant; undefined when it is no real time. */
export function parseLocalTime(text: string): Date | undefined {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d)[:：](\d\d)[:：](\d\d)$/.exec(text)
  if (!match) return undefined
  const wall = `${match[1]}T${match[2]}:${match[3]}:${match[4]}`
  const utc = Date.parse(`${wall}Z`)
  // Date.parse rolls 02-30 over to March on some engines; a round trip shows it.
  if (Number.isNaN(utc) || new Date(utc).toISOString().slice(0, 19) !== wall) return undefined
  return new Date(utc - SHANGHAI_MS)
}

/** Instant -> '2019-02-19 05:01:46' in Asia/Shanghai. */
export function renderLocalTime(at: Date): string {
  return new Date(at.getTime() + SHANGHAI_MS).toISOString().slice(0, 19).replace('T', ' ')
}
