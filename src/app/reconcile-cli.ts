import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs'
import { basename } from 'node:path'
import { parseArgs } from 'node:util'
import { type Ctx, type Kernel, systemCtx } from '#kernel/context.ts'
import { type Checked, compareCheckFile, runRemits } from '#modules/billing/index.ts'
import {
  type BankTaken,
  bringStatement,
  type Reconciled,
  runPayouts,
  type StatementFile,
  StatementRefused,
  takeBankFile,
} from '#modules/payments/index.ts'
import { refuse } from '#modules/trail/index.ts'

export const RECONCILE_USAGE = `yimen reconcile FILE --channel wechat|alipay --day YYYY-MM-DD [--json]
      yimen reconcile FILE --biller ID --day YYYY-MM-DD [--json]
      yimen reconcile FILE --bank [--json]

  核对一份渠道账单；同一天再来一份，以后一份为准；有一处读不懂，整份不采用。
  Compares a channel's statement of a day with the books. A later file of the day takes the place of the earlier;
  a file that contradicts itself is refused whole.
  --biller：收费单位的对账文件，和我们告诉它的逐笔核对。
  With --biller: a biller's daily check file, compared with what it was told.
  --bank：银行账户的对账单，记渠道到账和付给收费单位的钱；账户和日子写在文件里。
  With --bank: a statement of the bank account; books payouts and remittances. The file says which account and day.
  运行中的产品每天上午10点后自动取回并核对，差异在 工作台 > 对账。
  A running product fetches and compares every day after 10:00; differences are at the desk, Reconciliation.
`

const CHUNK_BYTES = 2 ** 20

/** Read piece by piece, so that a large file never stands in memory whole. */
function fileAt(path: string): StatementFile {
  return {
    name: basename(path),
    *pieces() {
      const fd = openSync(path, 'r')
      try {
        for (;;) {
          const piece = Buffer.allocUnsafe(CHUNK_BYTES)
          const bytes = readSync(fd, piece)
          if (bytes === 0) return
          yield piece.subarray(0, bytes)
        }
      } finally {
        closeSync(fd)
      }
    },
  }
}

const yuan = (fen: number): string => (fen / 100).toFixed(2)

function summaryOf({ outcome, statement: s, found, resolved }: Reconciled): string {
  if (outcome === 'unchanged') return `${s.name}: 已经核对过，没有变化 / compared before, nothing changed\n`
  return `${s.name}: ${s.rows} 笔，收款 ${yuan(s.paidFen)}，退款 ${yuan(s.refundedFen)}，差异 ${found} 处，了结 ${resolved} 处 / ${s.rows} rows, differences ${found}, settled ${resolved}\n`
}

function checkSummaryOf({ outcome, name, rows, sumFen, found, resolved }: Checked): string {
  if (outcome === 'unchanged') return `${name}: 已经核对过，没有变化 / compared before, nothing changed\n`
  return `${name}: ${rows} 笔，${yuan(sumFen)}，差异 ${found} 处，了结 ${resolved} 处 / ${rows} rows, differences ${found}, settled ${resolved}\n`
}

const bankSummaryOf = ({ outcome, name, rows, fresh }: BankTaken): string =>
  outcome === 'unchanged'
    ? `${name}: 已经收过，没有变化 / taken before, nothing changed\n`
    : `${name}: ${rows} 笔，其中新的 ${fresh} 笔 / ${rows} rows, ${fresh} of them new\n`

/** Compares the file with whoever is said to have made it; undefined when that is nobody known. */
async function compareWith(
  ctx: Ctx,
  { file, channel, biller, bank, day }: Arguments,
): Promise<{ value: object; summary: string } | undefined> {
  if (bank) {
    const done = await takeBankFile(ctx, { name: basename(file), bytes: readFileSync(file) })
    if (!done.ok) return undefined
    await runPayouts(ctx.kernel, ctx.tenantId)
    await runRemits(ctx.kernel, ctx.tenantId)
    return { value: done.value, summary: bankSummaryOf(done.value) }
  }
  if (biller) {
    const done = await compareCheckFile(ctx, { billerId: biller, day, name: basename(file), bytes: readFileSync(file) })
    return done.ok ? { value: done.value, summary: checkSummaryOf(done.value) } : undefined
  }
  const done = await bringStatement(ctx, { channel, day, file: fileAt(file) })
  if (!done.ok) return undefined
  if (done.value.outcome !== 'half') return { value: done.value, summary: summaryOf(done.value) }
  return { value: done.value, summary: `${basename(file)}: 收下，等另一份 / kept, the other half is awaited\n` }
}

/** `yimen reconcile …`. Exit codes: 0 compared (or compared before), 1 refused or failed, 2 wrong use. */
export async function runReconcile(
  kernel: Kernel,
  tenantId: number,
  argv: readonly string[],
  { print = (text: string): unknown => process.stdout.write(text), complain = (text: string): unknown => process.stderr.write(text) } = {},
): Promise<number> {
  const args = readArguments(argv)
  if (typeof args === 'string') {
    complain(`${args}\n\n${RECONCILE_USAGE}`)
    return 2
  }
  const { file, channel, biller, bank, day, json } = args
  const party = bank ? 'bank' : biller || channel
  const ctx = systemCtx(kernel, tenantId, 'reconcile')
  try {
    const done = await compareWith(ctx, args)
    if (!done) {
      complain(
        bank
          ? `${file}: 没有登记这家银行的账户 / no account of this bank is registered\n`
          : biller
            ? `${file}: 没有这个收费单位，或它没有登记对账文件 / no such biller, or it gives no check file: ${biller}\n`
            : `${file}: 没有这个渠道的商户号 / no merchant account of this channel: ${channel}\n`,
      )
      return 1
    }
    print(json ? `${JSON.stringify(done.value)}\n` : done.summary)
    return 0
  } catch (error) {
    if (!(error instanceof StatementRefused)) throw error
    await refuse(kernel.db, ctx, {
      code: bank ? 'payments.bank_file_refused' : biller ? 'billing.check_file_refused' : 'payments.statement_refused',
      place: `reconcile ${party} ${day}`,
      subject: `${error.code}:${error.line}`,
    })
    if (json) print(`${JSON.stringify({ outcome: 'refused', code: error.code, line: error.line })}\n`)
    complain(`${file}: 第${error.line}行，整份没有采用 / row ${error.line}, nothing was used: ${error.code}\n`)
    return 1
  }
}

interface Arguments {
  readonly file: string
  /** One of the two is ''. */
  readonly channel: string
  readonly biller: string
  readonly bank: boolean
  readonly day: string
  readonly json: boolean
}

function readArguments(argv: readonly string[]): Arguments | string {
  const options = {
    channel: { type: 'string' },
    biller: { type: 'string' },
    bank: { type: 'boolean' },
    day: { type: 'string' },
    json: { type: 'boolean' },
  } as const
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true })
    const [file, ...more] = positionals
    const { channel = '', biller = '', bank = false, day = '', json = false } = values
    if (!file || more.length > 0) return '请给一个文件 / name one file'
    if (!existsSync(file)) return `没有这个文件 / no such file: ${file}`
    if (bank) return channel || biller || day ? '--bank 不和别的一起用 / --bank stands alone' : { file, channel, biller, bank, day, json }
    const hasChannel = channel === 'wechat' || channel === 'alipay'
    if (hasChannel === (biller !== '')) return '--channel wechat|alipay, or / 或 --biller ID'
    const at = new Date(`${day}T00:00:00Z`)
    if (Number.isNaN(at.getTime()) || at.toISOString().slice(0, 10) !== day) return '--day YYYY-MM-DD'
    return { file, channel, biller, bank, day, json }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
