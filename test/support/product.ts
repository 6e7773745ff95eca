import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHttp } from '#app/http.ts'
import { startWork } from '#app/up.ts'
import type { Ctx } from '#kernel/context.ts'
import { systemCtx } from '#kernel/context.ts'
import { connect } from '#kernel/db/index.ts'
import { type TestKernel, withTestDb } from '#kernel/db/testing.ts'
import { newCode, newId } from '#kernel/id.ts'
import type { Clock } from '#kernel/time.ts'
import { billerApi, type BillerApiConfig, type BillerConfig, usePort } from '#modules/billing/index.ts'
import { ensureAccount } from '#modules/ledger/index.ts'
import { alipayChannel, type AlipayConfig, ensureMerchant, useChannel, wechatChannel, type WechatConfig } from '#modules/payments/index.ts'
import { createSequencer, ensureTrailKey, loadTrailSigner } from '#modules/trail/index.ts'
import * as billing from '../../src/modules/billing/store.ts'
import { freePort } from '../../src/app/up.ts'
import { type SandboxProcess, startSandbox } from '../../sandbox/start.ts'

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
export async function withProduct<T>(work: (product: Product) => Promise<T>, options: { faults?: Record<string, unknown>; clock?: Clock } = {}): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'yimen-product-'))
  const port = await freePort('127.0.0.1')
  return withTestDb(
    async plain => {
      const kernel: TestKernel = { ...plain, config: { ...plain.config, port, dataDir: folder } }
      const env = { SANDBOX_TIME_SCALE: '60', ...(options.faults && { SANDBOX_FAULTS: JSON.stringify(options.faults) }) }
      const sandbox = await startSandbox(['wechat', 'alipay', 'biller'], { keysDir: join(folder, 'sandbox'), env })
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
        await billing.upsertBiller(tx, TENANT, { id: 'water', nameZh: '梧桐里自来水公司（示例）', nameEn: 'Wutongli Water (sample)', serviceZh: '水费', serviceEn: 'Water', unit: 'm3', payableAccountId, isOnline: true, config: CONFIG }, kernel.clock.now())
      })
      const key = join(folder, 'trail.key')
      ensureTrailKey(key)
      const signer = loadTrailSigner(key, 'yimen.test')
      const sealing = connect(kernel.connections.sequencer, { max: 2 })
      const sequencer = createSequencer({ db: sealing, signer, clock: kernel.clock, log: kernel.log, holder: 'test' })
      const timer = setInterval(() => void sequencer.drain().catch(() => undefined), 50)
      const background = startWork(kernel, TENANT)
      const server = await createHttp({
        kernel,
        tenant: { id: TENANT, name: { 'zh-CN': '梧桐里街道', en: 'Wutongli Sub-district' }, phone: '0000 8866 1200', address: '服务路1号' },
        findResident: async () => undefined,
        authenticate: async request => ({ kernel, tenantId: TENANT, actor: { kind: 'anonymous', id: 'anonymous', permissions: new Set() }, requestId: request.id, lang: 'zh-CN' }),
      })
      await server.listen({ port, host: '127.0.0.1' })
      try {
        return await work({ kernel, ctx, url: `http://127.0.0.1:${port}`, vkey: signer.vkey, sandbox, issueBill: (amountFen, extra) => issueBill(kernel, amountFen, extra) })
      } finally {
        await server.close()
        await background.stop()
        clearInterval(timer)
        await sequencer.close().catch(() => undefined)
        await sealing.close()
        await Promise.all(Object.values(sandbox).map(s => s.stop()))
        rmSync(folder, { recursive: true, force: true })
      }
    },
    { ...(options.clock && { clock: options.clock }) },
  )
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
      [TENANT, newId(kernel.clock, kernel.random), code, accountId, `W2611${String(n).padStart(7, '0')}`, amountFen, extra.dueOn ?? '2099-01-01', JSON.stringify([{ item: 'total', name: '水费', amount_fen: amountFen }]), kernel.clock.now()],
    )
  })
  return code
}
