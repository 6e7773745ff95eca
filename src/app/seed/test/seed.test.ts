import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from '#kernel/db/index.ts'
import { withTestDb } from '#kernel/db/testing.ts'
import { manualClock } from '#kernel/time.ts'
import { printBills, seedTown } from '../index.ts'

test('the small town holds every biller, adds up, and gives the printed example', async () => {
  await withTestDb(
    async kernel => {
      const seeded = await seedTown(kernel, 1, { size: 'small', seed: 'test' })
      assert.equal(seeded.households, 60)
      const rows = await kernel.db.read(1, tx =>
        tx.rows<{ biller: string; bills: number; wrong: number; settled: number }>(sql`
          select biller_id as biller, count(*)::int as bills, count(*) filter (where settled_before)::int as settled,
            count(*) filter (where amount_fen <> (select sum((l->>'amount_fen')::bigint) from jsonb_array_elements(lines) l))::int as wrong
          from billing.bill where tenant_id = 1 group by biller_id order by 1`),
      )
      assert.deepEqual(
        rows.map(r => r.biller),
        ['gas', 'heating', 'power', 'property', 'telecom', 'water'],
      )
      for (const row of rows) {
        assert.ok(row.bills > 20, `${row.biller}: ${row.bills}`)
        assert.ok(row.settled > row.bills / 5 && row.settled < row.bills, `${row.biller}: ${row.settled} of ${row.bills}`)
        assert.equal(row.wrong, 0)
      }
      const [first] = await printBills(kernel, 1, 5)
      assert.equal(first?.amountFen, 7_920)
      assert.equal(first?.addressMask, '青砖一村***')
      const again = await seedTown(kernel, 1, { size: 'small', seed: 'test' })
      assert.equal(again.bills, 0)
    },
    { clock: manualClock('2026-11-22T10:00:00+08:00') },
  )
})
