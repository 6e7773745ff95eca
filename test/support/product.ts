import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { createHttp } from '#app/http.ts'
import { startWork } from '#app/up.ts'
import type { Ctx } from '#kernel/context.ts'
import { systemCtx } from '#kernel/context.ts'
import { connect } from '#kernel/db/index.ts'
import { type TestKernel, withTestDb } from '#kernel/db/testing.ts'
import { newCode, newId } from '#kernel/id.ts'
import type { Clock } from '#kernel/time.ts'
import { type BillerApiConfig, type BillerConfig, billerApi, usePort } from '#modules/billing/index.ts'
import { ensureAccount } from '#modules/ledger/index.ts'
import { type AlipayConfig, alipayChannel, ensureMerchant, useChannel, type WechatConfig, wechatChannel } from '#modules/payments/index.ts'
import { createSequencer, ensureTrailKey, loadTrailSigner } from '#modules/trail/index.ts'
import { type SandboxProcess, startSandbox } from '../../sandbox/start.ts'
import { freePort } from '../../src/app/up.ts'
import * as billing from '../../src/modules/billing/store.ts'

export interface Product {
  readonly kernel: TestKernel
  readonly ctx: Ctx
  readonly url: string
  readonly vkey: string
  readonly sandbox: Record<'wechat' | 'alipay' | 'biller', SandboxProcess>
  /** Issues one bill of the test biller and answers its code. */
  issueBill(amountFen?: number, extra?: Partial<billing.NewBill>): Promise<string>
}

const TENANT = 1

const CONFIG: BillerConfig = {
  account: { pattern: '^10[0-9]{8}$', check: 'luhn', length: 10, example: '1045333141' },
  late_fee: { grace_days: 15, rate_per_day_e6: 500 },
  partial_payment: 'oldest_first',
  posting_window_min: 60,
  cycle_months: 2,
  mappings: {},
}

/** The whole product against a clone of the test database: real sandbox processes, a real sequencer, a real port. */
export async function withProduct<T>(
  work: (product: Product) => Promise<T>,
  options: { faults?: Record<string, unknown>; clock?: Clock; log?: Logger } = {},
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'yimen-product-'))
  const port = await freePort('127.0.0.1')
  return withTestDb(
    async plain => {
      const kernel: TestKernel = { ...plain, config: { ...plain.config, port, dataDir: folder }, ...(options.log && { log: options.log }) }
      // Whatever was started is ended again, last first, however the test went.
      const undo: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
      try {
        return await work(await start(kernel, folder, port, options.faults, undo))
      } finally {
        for (const end of undo.reverse()) await end()
      }
    },
    { ...(options.clock && { clock: options.clock }) },
  )
}

async function start(
  kernel: TestKernel,
  folder: string,
  port: number,
  faults: Record<string, unknown> | undefined,
  undo: (() => unknown)[],
): Promise<Product> {
  const env = { SANDBOX_TIME_SCALE: '60', ...(faults && { SANDBOX_FAULTS: JSON.stringify(faults) }) }
  const sandbox = await startSandbox(['wechat', 'alipay', 'biller'], { keysDir: join(folder, 'sandbox'), env })
  for (const process of Object.values(sandbox)) undo.push(() => process.stop())
  const ctx = systemCtx(kernel, TENANT, 'test')
  const wechat = sandbox.wechat.config as unknown as WechatConfig
  const alipay = sandbox.alipay.config as unknown as AlipayConfig
  await ensureMerchant(ctx, 'wechat', wechat.mchid)
  await ensureMerchant(ctx, 'alipay', alipay.sellerId)
  useChannel(TENANT, wechatChannel(wechat))
  useChannel(TENANT, alipayChannel(alipay))
  usePort(TENANT, 'water', billerApi(sandbox.biller.config as unknown as BillerApiConfig, kernel.clock))
  await kernel.db.tx(TENANT, async tx => {
    const payableAccountId = await ensureAccount(tx, ctx, '2202:water')
    const names = { nameZh: '梧桐里自来水公司（示例）', nameEn: 'Wutongli Water (sample)', serviceZh: '水费', serviceEn: 'Water' }
    await billing.upsertBiller(
      tx,
      TENANT,
      { id: 'water', ...names, unit: 'm3', payableAccountId, isOnline: true, config: CONFIG },
      kernel.clock.now(),
    )
  })
  const vkey = seal(kernel, folder, undo)
  const background = startWork(kernel, TENANT)
  undo.push(() => background.stop())
  const server = await createHttp({
    kernel,
    tenant: { id: TENANT, name: { 'zh-CN': '梧桐里街道', en: 'Wutongli Sub-district' }, phone: '0000 8866 1200', address: '服务路1号' },
  })
  undo.push(() => server.close())
  await server.listen({ port, host: '127.0.0.1' })
  return {
    kernel,
    ctx,
    url: `http://127.0.0.1:${port}`,
    vkey,
    sandbox,
    issueBill: (amountFen, extra) => issueBill(kernel, amountFen, extra),
  }
}

/** A sequencer with its own role and key; answers the key that verifies it. */
function seal(kernel: TestKernel, folder: string, undo: (() => unknown)[]): string {
  const key = join(folder, 'trail.key')
  ensureTrailKey(key)
  const signer = loadTrailSigner(key, 'yimen.test')
  const db = connect(kernel.connections.sequencer, { max: 2 })
  const sequencer = createSequencer({ db, signer, clock: kernel.clock, log: kernel.log, holder: 'test' })
  let isEnding = false
  const turning = (async () => {
    while (!isEnding) {
      await sequencer.drain()
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  })()
  undo.push(async () => {
    isEnding = true
    await turning
    await sequencer.close()
    await db.close()
  })
  return signer.vkey
}

let serial = 0

async function issueBill(kernel: TestKernel, amountFen = 13_195, extra: Partial<billing.NewBill> = {}): Promise<string> {
  const n = ++serial
  const code = newCode(kernel.random)
  const accountId = newId(kernel.clock, kernel.random)
  await kernel.db.tx(TENANT, async tx => {
    await tx.client.query(
      `insert into billing.account (tenant_id, id, biller_id, account_no, holder_mask, address_mask, is_closed, opened_at) values ($1, $2, 'water', $3, '王**', '青砖一村***', $4, $5)`,
      [TENANT, accountId, `10${String(n).padStart(8, '0')}`, extra.isAccountClosed ?? false, kernel.clock.now()],
    )
    await tx.client.query(
      `insert into billing.bill (tenant_id, id, code, biller_id, account_id, bill_no, period_from, period_to, amount_fen, due_on, usage_e3, reading_from_e3, reading_to_e3, lines, issued_at)
       values ($1, $2, $3, 'water', $4, $5, '2026-09', '2026-10', $6, $7, 41000, 1284000, 1325000, $8, $9)`,
      [
        TENANT,
        newId(kernel.clock, kernel.random),
        code,
        accountId,
        `W2611${String(n).padStart(7, '0')}`,
        amountFen,
        extra.dueOn ?? '2099-01-01',
        JSON.stringify([{ item: 'total', name: '水费', amount_fen: amountFen }]),
        kernel.clock.now(),
      ],
    )
  })
  return code
}
