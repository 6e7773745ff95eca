import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import { basename } from 'node:path'
import { parseArgs } from 'node:util'
import { type Kernel, systemCtx } from '#kernel/context.ts'
import { type Reconciled, reconcileStatement, type StatementFile, StatementRefused } from '#modules/payments/index.ts'
import { refuse } from '#modules/trail/index.ts'

export const RECONCILE_USAGE = `yimen reconcile FILE --channel wechat|alipay --day YYYY-MM-DD [--json]

  核对一份渠道账单；同一天再来一份，以后一份为准；有一处读不懂，整份不采用。
  Compares a channel's statement of a day with the books. A later file of the day takes the place of the earlier;
  a file that contradicts itself is refused whole.
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
  const { file, channel, day, json } = args
  const ctx = systemCtx(kernel, tenantId, 'reconcile')
  try {
    const done = await reconcileStatement(ctx, { channel, day, file: fileAt(file) })
    if (!done.ok) {
      complain(`${file}: 没有这个渠道的商户号 / no merchant account of this channel: ${channel}\n`)
      return 1
    }
    print(json ? `${JSON.stringify(done.value)}\n` : summaryOf(done.value))
    return 0
  } catch (error) {
    if (!(error instanceof StatementRefused)) throw error
    await refuse(kernel.db, ctx, {
      code: 'payments.statement_refused',
      place: `reconcile ${channel} ${day}`,
      subject: `${error.code}:${error.line}`,
    })
    if (json) print(`${JSON.stringify({ outcome: 'refused', code: error.code, line: error.line })}\n`)
    complain(`${file}: 第${error.line}行，整份没有采用 / row ${error.line}, nothing was used: ${error.code}\n`)
    return 1
  }
}

function readArguments(argv: readonly string[]): { file: string; channel: string; day: string; json: boolean } | string {
  const options = { channel: { type: 'string' }, day: { type: 'string' }, json: { type: 'boolean' } } as const
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true })
    const [file, ...more] = positionals
    const { channel = '', day = '', json = false } = values
    if (!file || more.length > 0) return '请给一个文件 / name one file'
    if (!existsSync(file)) return `没有这个文件 / no such file: ${file}`
    if (channel !== 'wechat' && channel !== 'alipay') return '--channel wechat|alipay'
    const at = new Date(`${day}T00:00:00Z`)
    if (Number.isNaN(at.getTime()) || at.toISOString().slice(0, 10) !== day) return '--day YYYY-MM-DD'
    return { file, channel, day, json }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
