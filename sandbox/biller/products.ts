import { openJournal } from '../common/journal.ts'

/** What the company sells, as its interface lists it. Amounts in fen; words in Chinese, English beside them where it has any. */
export interface Product {
  code: string
  version: string
  name: string
  name_en?: string
  /** Paid once, when it is ordered; 0 for what only changes later bills. */
  price: number
  /** On each later bill. */
  monthly?: number
  /** Days it lasts, after which it ends by itself. */
  lasts_days?: number
  /** Months one is bound to it. */
  bound_months?: number
  effective: 'at_once' | 'next_month'
  includes: string[]
  includes_en?: string[]
  ends: string
  ends_en?: string
  terms: string
  terms_en?: string
  /** Of one group an account has one: the new takes the place of the old. */
  group?: string
  replaces?: string
  replaces_en?: string
}

export const PRODUCTS: readonly Product[] = [
  {
    code: 'DATA20',
    version: '2026-09',
    name: '20GB流量包',
    name_en: '20 GB data pack',
    price: 2_000,
    lasts_days: 30,
    effective: 'at_once',
    includes: ['全国流量20GB', '先用流量包，再用套餐里的流量'],
    includes_en: ['20 GB of data in the whole country', 'Used before the data of your plan'],
    ends: '30天后自己结束，不会续订。',
    ends_en: 'Ends by itself after 30 days. It does not renew.',
    terms:
      '一、流量包自办好时起30天内有效，到期没用完的不转到以后。\n二、到期自动结束，不会自动续订，也不会另外扣费。\n三、没有用过的流量包，办好当天可以到营业厅退。',
    terms_en:
      '1. The pack is valid for 30 days from the moment it is set up; what is left then does not carry over.\n2. It ends by itself, does not renew and charges nothing more.\n3. A pack not used at all can be given back at a shop on the day it was set up.',
  },
  {
    code: 'CALL300',
    version: '2026-09',
    name: '300分钟通话包',
    name_en: '300-minute call pack',
    price: 1_000,
    lasts_days: 30,
    effective: 'at_once',
    includes: ['国内通话300分钟'],
    includes_en: ['300 minutes of calls in the country'],
    ends: '30天后自己结束，不会续订。',
    ends_en: 'Ends by itself after 30 days. It does not renew.',
    terms: '一、通话包自办好时起30天内有效，只用于国内通话。\n二、到期自动结束，不会自动续订，也不会另外扣费。',
    terms_en:
      '1. Valid for 30 days from the moment it is set up, for calls in the country only.\n2. It ends by itself, does not renew and charges nothing more.',
  },
  {
    code: 'PLAN29',
    version: '2026-07',
    name: '安心29元套餐',
    name_en: 'Calm 29 plan',
    price: 0,
    monthly: 2_900,
    effective: 'next_month',
    includes: ['每月通话200分钟', '每月流量5GB', '来电显示'],
    includes_en: ['200 minutes of calls a month', '5 GB of data a month', 'Shows who is calling'],
    ends: '没有约定期限，随时可以换，下个月生效。',
    ends_en: 'No minimum term. Change it any time; the change counts from the next month.',
    terms:
      '一、套餐从下个月1日起生效，这个月仍按原来的套餐收费。\n二、每月29元，在每月账单里收，现在不用付钱。\n三、没有最短使用期，随时可以换别的套餐，不收违约金。\n四、超出部分：通话每分钟0.15元，流量每GB 5元，每月最多收50元。',
    terms_en:
      '1. The plan begins on the 1st of next month; this month is charged by the old plan.\n2. 29 yuan a month, on the monthly bill; nothing is paid now.\n3. There is no minimum term and no charge for leaving.\n4. Beyond it: calls 0.15 yuan a minute, data 5 yuan a GB, at most 50 yuan a month.',
    group: 'plan',
    replaces: '现在用的套餐',
    replaces_en: 'the plan you have now',
  },
  {
    code: 'PLAN59',
    version: '2026-07',
    name: '一家59元套餐',
    name_en: 'Family 59 plan',
    price: 0,
    monthly: 5_900,
    bound_months: 12,
    effective: 'next_month',
    includes: ['每月通话500分钟', '每月流量30GB', '可以加两位家人一起用'],
    includes_en: ['500 minutes of calls a month', '30 GB of data a month', 'Two members of the family may share it'],
    ends: '要用满12个月；提前换，每少一个月收10元。',
    ends_en: 'Bound for 12 months; leaving earlier costs 10 yuan for each month left.',
    terms:
      '一、套餐从下个月1日起生效，这个月仍按原来的套餐收费。\n二、每月59元，在每月账单里收，现在不用付钱。\n三、使用期12个月。提前换别的套餐，每少一个月收10元，最多收120元。\n四、满12个月后按月使用，随时可以换，不再收这笔钱。',
    terms_en:
      '1. The plan begins on the 1st of next month; this month is charged by the old plan.\n2. 59 yuan a month, on the monthly bill; nothing is paid now.\n3. The term is 12 months. Leaving earlier costs 10 yuan for each month left, at most 120 yuan.\n4. After 12 months it goes on by the month and can be left at no charge.',
    group: 'plan',
    replaces: '现在用的套餐',
    replaces_en: 'the plan you have now',
  },
  {
    code: 'NET300',
    version: '2026-08',
    name: '300兆宽带一年',
    name_en: '300 Mbit broadband for a year',
    price: 36_000,
    bound_months: 12,
    lasts_days: 365,
    effective: 'at_once',
    includes: ['300兆宽带一年', '上门安装一次', '光猫借用，到期归还'],
    includes_en: ['300 Mbit broadband for a year', 'One visit to set it up', 'The modem is lent and given back at the end'],
    ends: '满一年自己结束，不会续订。装好前可以全额退。',
    ends_en: 'Ends by itself after a year and does not renew. Paid back in full before it is set up.',
    terms:
      '一、费用360元一次付清，包括一年宽带和一次上门安装。\n二、三个工作日内联系您约安装时间，从装好那天算起一年。\n三、装好之前可以全额退。装好后提前停用，按没用的整月退，每月30元。\n四、到期自动结束，不会自动续订。',
    terms_en:
      '1. 360 yuan, paid once, for a year of broadband and one visit to set it up.\n2. We call within three working days to agree on a time; the year begins on the day it is set up.\n3. Before that it is paid back in full. Later, each whole month not used is paid back at 30 yuan.\n4. It ends by itself and does not renew.',
    group: 'broadband',
  },
]

export interface ProductOrder {
  order_no: string
  product: string
  version: string
  account_no: string
  amount: number
  state: 'ACCEPTED' | 'DONE' | 'REFUSED' | 'CANCELLED'
  reason?: string
}

type ProductEvent = { type: 'ordered'; order: ProductOrder } | { type: 'moved'; order_no: string; state: ProductOrder['state'] }

export type OrderResult = { kind: 'known' | 'new'; order: ProductOrder } | { kind: 'conflict' }

export interface ProductBooks {
  list(): readonly Product[]
  set(products: readonly Product[]): void
  order(input: Omit<ProductOrder, 'state' | 'reason'>, how: { refuse: boolean; isSlow: boolean }): OrderResult
  find(orderNo: string): ProductOrder | undefined
  /** What was only accepted is carried out now. */
  carryOut(orderNo: string): void
  /** Undefined when there is no such order, or it was refused. Repeating is a no-op. */
  cancel(orderNo: string): ProductOrder | undefined
  orders(): ProductOrder[]
  /** Each time something was set up for a customer. */
  delivered(): string[]
}

/** The company's own ledger of orderings: a number counts once, and is carried out once. */
export function openProductBooks(path: string): ProductBooks {
  const orders = new Map<string, ProductOrder>()
  const delivered: string[] = []
  let products: readonly Product[] = PRODUCTS
  const fold = (event: ProductEvent): void => {
    if (event.type === 'ordered') orders.set(event.order.order_no, { ...event.order })
    else orders.get(event.order_no)!.state = event.state
    const order = orders.get(event.type === 'ordered' ? event.order.order_no : event.order_no)!
    if (order.state === 'DONE') delivered.push(order.order_no)
  }
  const journal = openJournal<ProductEvent>(path, fold)
  const record = (event: ProductEvent): void => {
    journal.append(event)
    fold(event)
  }
  const refusalOf = (input: Omit<ProductOrder, 'state' | 'reason'>): string | undefined => {
    const offered = products.find(product => product.code === input.product && product.version === input.version)
    if (!offered) return 'NOT_OFFERED'
    return offered.price === input.amount ? undefined : 'OTHER_PRICE'
  }
  return {
    list: () => products,
    set: next => {
      products = next
    },
    order(input, how) {
      const known = orders.get(input.order_no)
      if (known) {
        const isSame = (['product', 'version', 'account_no', 'amount'] as const).every(name => known[name] === input[name])
        return isSame ? { kind: 'known', order: known } : { kind: 'conflict' }
      }
      const reason = how.refuse ? 'REFUSED_BY_COMPANY' : refusalOf(input)
      record({
        type: 'ordered',
        order: { ...input, state: reason ? 'REFUSED' : how.isSlow ? 'ACCEPTED' : 'DONE', ...(reason && { reason }) },
      })
      return { kind: 'new', order: orders.get(input.order_no)! }
    },
    find: orderNo => orders.get(orderNo),
    carryOut(orderNo) {
      if (orders.get(orderNo)?.state === 'ACCEPTED') record({ type: 'moved', order_no: orderNo, state: 'DONE' })
    },
    cancel(orderNo) {
      const order = orders.get(orderNo)
      if (!order || order.state === 'REFUSED') return undefined
      if (order.state !== 'CANCELLED') record({ type: 'moved', order_no: orderNo, state: 'CANCELLED' })
      return order
    },
    orders: () => [...orders.values()],
    delivered: () => [...delivered],
  }
}
