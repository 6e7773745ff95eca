import type { Db } from '#kernel/db/index.ts'
import { type Check, recorded } from '#modules/trail/index.ts'
import { journalPosted, listBalances } from './service.ts'
import * as store from './store.ts'

const check = (id: string, name: string, bad: readonly unknown[]): Check => ({
  id,
  name,
  ok: bad.length === 0,
  detail: bad.length === 0 ? '' : JSON.stringify(bad.slice(0, 5)),
})

/** I1, I2, I3, I13, I14 and C3 over the whole books of a tenant. */
export async function checkLedger(db: Db, tenantId: number): Promise<Check[]> {
  return db.read(tenantId, async tx => {
    const full = await store.fullSums(tx, tenantId)
    const exact = new Map((await listBalances(tx, tenantId)).map(row => [row.accountId, row.amount]))
    const total = full.reduce((sum, row) => sum + row.amount, 0)
    const { rewritable } = await store.canRewrite(tx, 'ledger.journal')
    return [
      check('I1', 'every journal sums to zero with two entries or more', [
        ...(await store.unbalancedJournals(tx, tenantId)),
        ...(await store.orphanEntries(tx, tenantId)),
      ]),
      check('I2', 'all entries sum to zero', total === 0 ? [] : [total]),
      check('I3', 'journals cannot be updated or deleted', rewritable ? ['ledger.journal'] : []),
      check(
        'I13',
        'rolled-up balance and tail equal the full sum',
        full.filter(row => exact.get(row.accountId) !== row.amount).map(row => ({ ...row, exact: exact.get(row.accountId) })),
      ),
      check(
        'C3',
        'no booking without its event on the trail',
        await store.silentJournals(tx, tenantId, recorded(tenantId, [journalPosted.type])),
      ),
      check('I14', 'a reversal negates exactly', await store.inexactReversals(tx, tenantId)),
    ]
  })
}
