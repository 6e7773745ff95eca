import assert from 'node:assert/strict'
import { test } from 'node:test'
import { billsPage } from '#web/resident/bills.tsx'
import { context } from './browser.ts'

const bill = (billNo: string, periodLabel: string) => ({
  href: `/b/${billNo}`,
  billNo,
  periodLabel,
  amountFen: 7_440,
  dueOn: '2026-09-30',
  isOverdue: false,
})

test('bills of one period are told apart by their numbers, others carry none', () => {
  for (const [lang, words] of [
    ['zh-CN', '账单号'],
    ['en', 'bill number '],
  ] as const) {
    const bills = [bill('W1', 'July'), bill('W9', 'July'), bill('W2', 'September')]
    const html = billsPage(context(lang, undefined), { service: '-', accountMasked: '-', isOldestFirst: false, bills })
    assert.ok(html.includes(`${words}W1<`) && html.includes(`${words}W9<`), html)
    assert.ok(!html.includes(`${words}W2`))
  }
})
