const FORMULA = /^[=+\-@\t\r]/
const NUMBER = /^-?\d+(\.\d+)?$/

/**
 * Rows as a file that spreadsheets open rightly: byte order mark, CRLF, quoted where needed. A text a spreadsheet would
 * compute is shown as text instead.
 */
export function csvOf(rows: readonly (readonly (string | number | undefined)[])[]): string {
  const cell = (value: string | number | undefined): string => {
    const text = String(value ?? '')
    const safe = FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
  }
  return `\ufeff${rows.map(row => `${row.map(cell).join(',')}\r\n`).join('')}`
}
