import { formatYuan } from '#kernel/money.ts'
import { type BillerConfig, type FeeLine, isAccountNo } from '../model.ts'
import { type Period, readDay, readPeriod, remembered, scaled } from './cells.ts'
import type { Column, Layout, Mapping, RecordLine } from './mapping.ts'
import type { FaultCode, Faults, RowError } from './report.ts'
import type { Cell } from './text-reader.ts'

export interface ImportedBill {
  readonly line: number
  readonly accountNo: string
  readonly holder: string
  readonly address: string
  readonly billNo: string
  readonly periodFrom: string
  readonly periodTo: string
  readonly amountFen: number
  readonly dueOn: string
  readonly usageE3: number | undefined
  readonly readingFromE3: number | undefined
  readonly readingToE3: number | undefined
  readonly linesJson: string
  readonly isClosed: boolean
}

const TEXT_CHARS_MAX = 200
export const NUMBER_CHARS_MAX = 60
const CONTROL = /[\x00-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069]/

/** Carries what is wrong with a cell out of its reader. */
class BadCell extends Error {
  readonly fault: Omit<RowError, 'line'>
  constructor(fault: Omit<RowError, 'line'>) {
    super(fault.code)
    this.fault = fault
  }
}

export type Read<T> = (cells: readonly Cell[]) => T

/** Readers of the columns of one layout, bound to their positions. What stands in a personal column is never repeated in an error. */
export function readers(m: Layout, personal: ReadonlySet<string | undefined> = new Set()) {
  const index = new Map(m.columns.map((c, i) => [c.name, i]))
  const isWorkbook = m.format === 'xlsx'

  const bad = (code: FaultCode, at: number, found: Cell, expected?: string): never => {
    const c = m.columns[at]!
    const shown = typeof found === 'string' && !personal.has(c.name) ? { found: found.slice(0, 40) } : {}
    throw new BadCell({ code, column: at + 1, title: c.header ?? c.name, ...shown, ...(expected && { expected }) })
  }
  const place = (name: string): [number, Column] => [index.get(name)!, m.columns[index.get(name)!]!]

  const text = (name: string, charsMax: number, isNeeded: boolean): Read<string> => {
    const [at] = place(name)
    return cells => {
      const cell = cells[at]!
      if (typeof cell !== 'string') return bad('cell_missing', at, cell)
      const value = cell.trim()
      if (value === '' && isNeeded) return bad('cell_missing', at, cell)
      if (value.length > charsMax) return bad('text_too_long', at, cell, String(charsMax))
      if (CONTROL.test(value)) return bad('control_character', at, cell)
      return value
    }
  }
  const number = (name: string, code: 'amount' | 'number', digits: number, isSigned = false): Read<number> => {
    const [at] = place(name)
    return cells => {
      const cell = cells[at]!
      const value = typeof cell === 'string' ? scaled(cell.trim(), digits) : undefined
      return value === undefined || (value < 0 && !isSigned) ? bad(cell === '' ? 'cell_missing' : code, at, cell) : value
    }
  }
  return {
    bad,
    place,
    text,
    money: (name: string) => number(name, 'amount', place(name)[1].unit === 'yuan' ? 2 : 0),
    price: (name: string) => number(name, 'number', place(name)[1].unit === 'fen' ? 2 : 4),
    quantity: (name: string | undefined): Read<number | undefined> => {
      if (name === undefined) return () => undefined
      const [at] = place(name)
      const read = number(name, 'number', 3)
      return cells => (cells[at] === '' ? undefined : read(cells))
    },
    day: (name: string): Read<string> => {
      const [at] = place(name)
      const read = remembered(value => readDay(value, m.date_format, isWorkbook))
      return cells => {
        const cell = cells[at]!
        return (typeof cell === 'string' ? read(cell.trim()) : undefined) ?? bad('date', at, cell, m.date_format)
      }
    },
  }
}

const NOTHING = (): undefined => undefined

function periodReader(m: Mapping, r: ReturnType<typeof readers>): Read<Period> {
  const rule = m.bill.period
  if ('column' in rule) {
    const [at] = r.place(rule.column)
    const read = remembered(value => readPeriod(value, rule))
    return cells => {
      const cell = cells[at]!
      return (typeof cell === 'string' ? read(cell.trim()) : undefined) ?? r.bad('period', at, cell, rule.format)
    }
  }
  const from = r.day(rule.from)
  const to = r.day(rule.to)
  const [at] = r.place(rule.to)
  return cells => {
    const period = { from: from(cells).slice(0, 7), to: to(cells).slice(0, 7) }
    return period.from <= period.to ? period : r.bad('period', at, cells[at]!)
  }
}

/** Adds a row's fee lines to `out`; answers their sum in fen. */
type LinesReader = (cells: readonly Cell[], out: string[]) => number

interface Lines {
  readonly read: LinesReader
  /** The cells they are read from, one reader each. */
  readonly cells: readonly Read<unknown>[]
}

function linesReader(m: Mapping, r: ReturnType<typeof readers>): Lines {
  const fixed = m.bill.lines.map(line => ({
    head: `{"item":${JSON.stringify(line.item)},"name":${JSON.stringify(line.name)}`,
    amount: r.money(line.amount),
    quantity: r.quantity(line.quantity),
    price: line.unit_price ? r.price(line.unit_price) : undefined,
    sign: line.sign,
  }))
  const from = m.bill.lines_from
  const many = from ? arrayReader(from, r) : undefined
  const read: LinesReader = (cells, out) => {
    let sum = 0
    for (const line of fixed) {
      const amount = line.amount(cells) * line.sign
      if (amount === 0) continue
      const quantity = line.quantity(cells)
      const price = line.price?.(cells)
      out.push(
        `${line.head}${quantity === undefined ? '' : `,"quantity_e3":${quantity}`}${price === undefined ? '' : `,"unit_price_e4":${price}`},"amount_fen":${amount}}`,
      )
      sum += amount
    }
    return many ? sum + many(cells, out) : sum
  }
  return { read, cells: fixed.flatMap(line => [line.amount, line.quantity, line.price ?? NOTHING]) }
}

const ARRAY_LINES_MAX = 50

function arrayReader(from: NonNullable<Mapping['bill']['lines_from']>, r: ReturnType<typeof readers>): LinesReader {
  const [at] = r.place(from.column)
  return (cells, out) => {
    const cell = cells[at]!
    if (typeof cell === 'string' || cell.length > ARRAY_LINES_MAX) return r.bad('cell_missing', at, cell)
    let sum = 0
    for (const entry of cell) {
      const object = typeof entry === 'object' && entry !== null ? (entry as Record<string, unknown>) : {}
      const name = object[from.name]
      const amount = scaled(String(object[from.amount] ?? ''), from.unit === 'yuan' ? 2 : 0)
      if (typeof name !== 'string' || name.length === 0 || name.length > NUMBER_CHARS_MAX || CONTROL.test(name) || amount === undefined)
        return r.bad('amount', at, cell)
      if (amount === 0) continue
      const line: FeeLine = { item: from.item, name, amount_fen: amount }
      out.push(JSON.stringify(line))
      sum += amount
    }
    return sum
  }
}

/** Checks of columns whose value is bound to be one of a few. */
export function fixedChecks(m: Layout, r: ReturnType<typeof readers>): Read<void>[] {
  return m.columns.flatMap((c, at): Read<void>[] => {
    if (c.const !== undefined) return [cells => (cells[at] === c.const ? undefined : r.bad('const_mismatch', at, cells[at]!, c.const))]
    if (c.codes)
      return [
        cells =>
          typeof cells[at] === 'string' && Object.hasOwn(c.codes!, cells[at])
            ? undefined
            : r.bad('code_unknown', at, cells[at]!, Object.keys(c.codes!).join('/')),
      ]
    return []
  })
}

/** Compiles a mapping once; the result turns the cells of a row into a bill or reports the row and answers undefined. */
export function compileRow(
  m: Mapping,
  account: BillerConfig['account'],
  faults: Faults,
): (cells: readonly Cell[], line: number) => ImportedBill | undefined {
  const b = m.bill
  const r = readers(m, new Set([b.payer_name, b.address]))
  const empty = (): string => ''
  const optional = (name: string | undefined) => (name ? r.text(name, TEXT_CHARS_MAX, false) : empty)
  const [accountAt] = r.place(b.account_no)
  const accountNo = r.text(b.account_no, NUMBER_CHARS_MAX, true)
  const billNoParts = (typeof b.bill_no === 'string' ? [b.bill_no] : b.bill_no.join).map(name => r.text(name, NUMBER_CHARS_MAX, true))
  const holder = optional(b.payer_name)
  const address = optional(b.address)
  const period = periodReader(m, r)
  const dueOn = r.day(b.due_on)
  const total = b.total_amount ? r.money(b.total_amount) : undefined
  // Without a printed total the first fee stands for the sum.
  const [totalAt, totalColumn] = r.place(b.total_amount ?? b.lines[0]?.amount ?? b.lines_from!.column)
  const [usage, readingFrom, readingTo] = [r.quantity(b.usage), r.quantity(b.reading_previous), r.quantity(b.reading_current)]
  const lines = linesReader(m, r)
  const checks = fixedChecks(m, r)
  const statusAt = b.status ? r.place(b.status.column)[0] : -1

  const knownAccount: Read<string> = cells => {
    const value = accountNo(cells)
    return isAccountNo(value, account) ? value : r.bad('account_no', accountAt, value)
  }
  const amount = (cells: readonly Cell[], out: string[]): number => {
    const sum = lines.read(cells, out)
    const asked = total ? total(cells) : sum
    if (sum !== asked || asked < 0 || !Number.isSafeInteger(asked))
      return r.bad('amount_sum', totalAt, String(cells[totalAt]), asInFile(sum, totalColumn.unit))
    return asked
  }
  const read = (cells: readonly Cell[], line: number): ImportedBill => {
    for (const check of checks) check(cells)
    const account_no = knownAccount(cells)
    const { from, to } = period(cells)
    const out: string[] = []
    const amountFen = amount(cells, out)
    return {
      line,
      accountNo: account_no,
      holder: holder(cells),
      address: address(cells),
      billNo: billNoParts.length === 1 ? billNoParts[0]!(cells) : billNoParts.map(part => part(cells)).join('-'),
      periodFrom: from,
      periodTo: to,
      amountFen,
      dueOn: dueOn(cells),
      usageE3: usage(cells),
      readingFromE3: readingFrom(cells),
      readingToE3: readingTo(cells),
      linesJson: `[${out.join()}]`,
      isClosed: statusAt >= 0 && b.status!.closed.includes(String(cells[statusAt])),
    }
  }
  const days = 'from' in b.period ? [r.day(b.period.from), r.day(b.period.to)] : []
  const parts: readonly Read<unknown>[] = [
    ...[...checks, knownAccount, ...billNoParts, holder, address, ...days, period, ...lines.cells, total ?? NOTHING],
    ...[(cells: readonly Cell[]) => amount(cells, []), dueOn, usage, readingFrom, readingTo],
  ]
  return wholeRow(m, read, parts, faults)
}

/** Reads a row, or reports everything wrong with it and answers undefined. `parts` are the readers `read` is made of. */
export function wholeRow<T>(
  m: Layout,
  read: (cells: readonly Cell[], line: number) => T,
  parts: readonly Read<unknown>[],
  faults: Faults,
): (cells: readonly Cell[], line: number) => T | undefined {
  return (cells, line) => {
    if (cells.length !== m.columns.length) {
      faults.add({ line, code: 'column_count', found: String(cells.length), expected: String(m.columns.length) })
      return undefined
    }
    try {
      return read(cells, line)
    } catch (error) {
      if (!(error instanceof BadCell)) throw error
      for (const fault of faultsOf(parts, cells)) faults.add({ line, ...fault })
      return undefined
    }
  }
}

/** Everything wrong with a row, each cell once and from left to right: whoever mends the file should not come back for the next. */
function faultsOf(parts: readonly Read<unknown>[], cells: readonly Cell[]): BadCell['fault'][] {
  const found = new Map<number, BadCell['fault']>()
  for (const part of parts) {
    try {
      part(cells)
    } catch (error) {
      if (!(error instanceof BadCell)) throw error
      const at = error.fault.column ?? 0
      if (!found.has(at)) found.set(at, error.fault)
    }
  }
  return [...found.values()].sort((a, b) => (a.column ?? 0) - (b.column ?? 0))
}

/** An amount as the file writes it: 18500 fen are 185.00 where it says yuan. */
export const asInFile = (fen: number, unit: string | undefined): string =>
  unit === 'yuan' && Number.isSafeInteger(fen) ? formatYuan(fen).replaceAll(',', '') : String(fen)

/** Compares the header row with the titles of the layout. */
export function checkHeader(m: Layout, used: ReadonlySet<string>, cells: readonly string[], line: number, faults: Faults): void {
  m.columns.forEach((c, at) => {
    if (c.header === undefined || cells[at]?.trim() === c.header) return
    if (used.has(c.name) || cells[at] !== undefined)
      faults.add({
        line,
        column: at + 1,
        title: c.header,
        code: 'header_mismatch',
        found: cells[at]?.slice(0, 40) ?? '',
        expected: c.header,
      })
  })
}

export interface Summary {
  readonly line: number
  readonly count: number | undefined
  readonly totalFen: number | undefined
  readonly unit: RecordLine['unit']
}

/** Reads a header or summary record; undefined and a fault when it does not fit its pattern. */
export function readRecord(
  rule: RecordLine,
  kind: 'header_record' | 'trailer',
  text: string,
  line: number,
  faults: Faults,
): Summary | undefined {
  const groups = text.startsWith(rule.prefix) ? new RegExp(rule.pattern, 'u').exec(text)?.groups : undefined
  const totalFen = groups?.total === undefined ? undefined : scaled(groups.total, rule.unit === 'yuan' ? 2 : 0)
  if (!groups || (groups.total !== undefined && totalFen === undefined)) {
    faults.add({
      line,
      code: kind === 'header_record' ? 'header_record' : 'trailer_malformed',
      found: text.slice(0, 80),
      expected: `${rule.pattern}${groups ? ` (${rule.unit})` : ''}`,
    })
    return undefined
  }
  return { line, count: groups.count === undefined ? undefined : Number(groups.count), totalFen, unit: rule.unit }
}
