import pino from 'pino'
import { billerFileSchema, billerOf } from '../src/app/biller-file.ts'
import { billers } from '../src/app/seed/content.ts'
import { seededRandom } from '../src/kernel/random.ts'
import { knownBiller } from '../src/modules/billing/photo/billers.ts'
import { type ReadBill, readFields } from '../src/modules/billing/photo/fields.ts'
import { createPhotoReader } from '../src/modules/billing/photo/reader.ts'
import { openBrowser } from '../web/test/browser.ts'
import { round } from './harness.ts'
import { inventBills, openPrinter, type PaperBill } from './photo-bills.ts'
import { photograph } from './photo-camera.ts'

// Bills of six billers, printed, photographed by a clumsy hand and read: how much is right, and how much is believed and wrong.

const [count = 200, seed = 'photo'] = [Number(process.argv[2] ?? 200), process.argv[3]]
const FIELDS = ['biller', 'accountNo', 'billNo', 'amountFen', 'period'] as const
type FieldName = (typeof FIELDS)[number]
const CODE_URL = 'https://pay.example/b/'
const CODES = 24

interface Tally {
  asked: number
  right: number
  believed: number
  believedWrong: number
}

const tallies = new Map<string, Tally>()
function note(key: string, field: ReadBill[FieldName], truth: unknown): void {
  const tally = tallies.get(key) ?? { asked: 0, right: 0, believed: 0, believedWrong: 0 }
  tallies.set(key, tally)
  const isRight = field !== undefined && JSON.stringify(field.value) === JSON.stringify(truth)
  tally.asked++
  if (isRight) tally.right++
  if (field?.isSure) tally.believed++
  if (field?.isSure && !isRight) tally.believedWrong++
}

const truthOf = (bill: PaperBill): Record<FieldName, unknown> => ({ ...bill, period: { from: bill.from, to: bill.to } }) as never
const known = billers.map(b => knownBiller(billerOf(billerFileSchema.parse(b))))
const reader = createPhotoReader(pino({ level: 'warn' }, process.stderr))
const browser = await openBrowser()
const seconds: number[] = []
let failed = 0
let codesRead = 0
try {
  const printer = await openPrinter(browser)
  const take = async (bill: PaperBill, chance: string) => {
    const picture = await photograph(await printer.print(bill), seededRandom(chance))
    const began = performance.now()
    const page = await reader.read(picture, CODE_URL)
    return { page, took: (performance.now() - began) / 1000 }
  }
  const bills = inventBills(count, seed)
  // The first one starts the process, which is measured apart.
  const { took: first } = await take(bills[0]!, `${seed}:first`)
  process.stdout.write(`${count} pictures; the first, with the start of the process, took ${round(first)} s\n`)
  for (const [i, bill] of bills.entries()) {
    const { page, took } = await take(bill, `${seed}:shot:${i}`)
    seconds.push(took)
    if (!page.ok) failed++
    const read = page.ok ? readFields(page.value.lines, known) : {}
    const truth = truthOf(bill)
    for (const field of FIELDS) {
      if (truth[field] === undefined) continue
      note(field, read[field], truth[field])
      note(`${bill.biller} ${field}`, read[field], truth[field])
    }
  }
  for (let i = 0; i < CODES; i++) {
    const [bill] = inventBills(1 + (i % 6), `${seed}:code:${i}`, '2026-11-20', `${CODE_URL}${i}`).slice(-1)
    const { page } = await take(bill!, `${seed}:code:${i}`)
    if (page.ok && page.value.code === `${CODE_URL}${i}`) codesRead++
  }
} finally {
  await browser.close()
  await reader.stop()
}

const share = (part: number, whole: number): number => round(part / Math.max(1, whole), 4)
for (const [key, { asked, right, believed, believedWrong }] of tallies)
  process.stdout.write(
    `${key.padEnd(20)} right ${String(right).padStart(3)} of ${String(asked).padStart(3)}  believed ${String(believed).padStart(3)}  believed and wrong ${believedWrong}\n`,
  )
process.stdout.write(`codes read ${codesRead} of ${CODES}; pictures that failed ${failed}\n`)
const at = (part: number) => round([...seconds].sort((a, b) => a - b)[Math.min(seconds.length - 1, Math.floor(seconds.length * part))]!)
const of = (field: FieldName): Tally => tallies.get(field)!
const summary = {
  name: 'photo',
  pictures: count,
  account_accuracy: share(of('accountNo').right, of('accountNo').asked),
  amount_accuracy: share(of('amountFen').right, of('amountFen').asked),
  biller_accuracy: share(of('biller').right, of('biller').asked),
  period_accuracy: share(of('period').right, of('period').asked),
  account_believed: share(of('accountNo').believed, of('accountNo').asked),
  believed_wrong: FIELDS.reduce((sum, field) => sum + of(field).believedWrong, 0),
  account_believed_wrong: of('accountNo').believedWrong,
  codes_read: share(codesRead, CODES),
  seconds_p50: at(0.5),
  seconds_p95: at(0.95),
  rss_mb_max: Math.round(reader.worker().rssMax / 2 ** 20),
}
process.stdout.write(`${JSON.stringify(summary)}\n`)
process.exit(summary.account_believed_wrong > 0 ? 1 : 0)
