import type { Lang } from '#web/ui/format.ts'
import type { PageContext } from '#web/ui/page.tsx'
import type { ReceiptView } from '#web/ui/receipt.tsx'

/** A believable receipt of the demonstration town; every personal part is masked. */
export const receiptSample = (lang: Lang): ReceiptView => ({
  receiptNo: 'WT-20261119-004817',
  service: lang === 'en' ? 'Water' : '水费',
  periodLabel: lang === 'en' ? 'Sep–Oct 2026' : '2026年9–10月',
  biller: lang === 'en' ? 'Wutongli Water (sample)' : '梧桐里自来水公司（示例）',
  amountFen: 13195,
  paidAt: new Date('2026-11-19T02:24:36Z'),
  accountMasked: '3306 **** 2817',
  channel: lang === 'en' ? 'WeChat Pay' : '微信支付',
  verifyUrl: 'https://wutongli.example/verify?c=8k2m-4q7x-9d3r-t5w1',
})

/** A page under a name, in any language and size. */
export interface Sample {
  name: string
  render: (ctx: PageContext) => string
  /** Anything but a resident page. */
  surface?: 'desk' | 'kiosk' | 'print' | 'gallery'
}

export const pick = (ctx: PageContext, zh: string, en: string): string => (ctx.lang === 'en' ? en : zh)
