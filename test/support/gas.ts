import assert from 'node:assert/strict'
import { queryIn } from '#kernel/db/testing.ts'
import { ensureAccount } from '#modules/ledger/index.ts'
import * as billing from '../../src/modules/billing/store.ts'
import type { Product } from './product.ts'

/** A second biller, as one more row of configuration; its bills are issued like those of the first. */
export async function withGas(product: Product): Promise<Product> {
  const { kernel, ctx } = product
  const [water] = await kernel.db.read(1, tx => billing.listBillers(tx, 1))
  assert.ok(water)
  await kernel.db.tx(1, async tx => {
    const names = { nameZh: '梧桐里燃气公司（示例）', nameEn: 'Wutongli Gas (sample)', serviceZh: '燃气费', serviceEn: 'Gas' }
    const payableAccountId = await ensureAccount(tx, ctx, '2202:gas')
    await billing.upsertBiller(tx, 1, { ...water, ...names, id: 'gas', payableAccountId }, kernel.clock.now())
  })
  return {
    ...product,
    issueBill: async amountFen => {
      const code = await product.issueBill(amountFen)
      await queryIn(
        kernel,
        `update billing.account set biller_id = 'gas' where id = (select account_id from billing.bill where code = $1)`,
        [code],
      )
      await queryIn(kernel, `update billing.bill set biller_id = 'gas' where code = $1`, [code])
      return code
    },
  }
}
