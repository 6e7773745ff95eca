/** What a biller offers to be ordered, as it was listed. Amounts in fen; words in Chinese, English beside them where the biller has any. */
export interface ProductBody {
  readonly code: string
  readonly version: string
  readonly name_zh: string
  readonly name_en?: string | undefined
  /** Paid when it is ordered; 0 for what only changes later bills. */
  readonly price_fen: number
  /** On each later bill. */
  readonly monthly_fen?: number | undefined
  /** Days it lasts, after which it ends by itself. */
  readonly lasts_days?: number | undefined
  /** Months one is bound to it. */
  readonly bound_months?: number | undefined
  readonly effective: 'at_once' | 'next_month'
  readonly includes_zh: readonly string[]
  readonly includes_en?: readonly string[] | undefined
  readonly ends_zh: string
  readonly ends_en?: string | undefined
  readonly terms_zh: string
  readonly terms_en?: string | undefined
  /** Of one group an account has one: the new takes the place of the old. */
  readonly group?: string | undefined
  readonly replaces_zh?: string | undefined
  readonly replaces_en?: string | undefined
}

/** How a biller that offers products writes amounts: whole fen, or yuan with two decimals as text. */
export type ProductAmounts = 'fen' | 'yuan'

/** What is ordered one at a time under an account: one of a group, or one of the same product. */
export const slotOf = (product: Pick<ProductBody, 'code' | 'group'>): string =>
  product.group === undefined ? `product:${product.code}` : `group:${product.group}`

export type ProductState = 'paying' | 'unpaid' | 'held' | 'telling' | 'working' | 'done' | 'refused' | 'taken_back'

export interface ProductFacts {
  readonly amountFen: number
  readonly isAccepted: boolean
  /** Of its payment; undefined when there is none, or none any more. */
  readonly claim?: 'open' | 'paid' | undefined
  readonly posting?: 'held' | 'sent' | 'posted' | 'unknown' | 'rejected' | 'reversing' | 'reversed' | undefined
}

/** How an ordering stands, from its payment and its telling. What the biller said last is not taken back by a payment. */
export function productStateOf({ amountFen, isAccepted, claim, posting }: ProductFacts): ProductState {
  switch (posting) {
    case 'posted':
      return 'done'
    case 'rejected':
      return 'refused'
    case 'reversed':
    case 'reversing':
      return 'taken_back'
    case 'sent':
    case 'unknown':
      return isAccepted ? 'working' : 'telling'
    case 'held':
      return 'held'
    case undefined:
      return amountFen === 0 || claim === 'paid' ? 'held' : claim === 'open' ? 'paying' : 'unpaid'
  }
}
