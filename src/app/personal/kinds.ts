/**
 * Every column that holds something of a person: what it is, how sensitive, what for, and how long. The check `personal`
 * fails on a column that looks personal and stands in neither list, and on an entry without its column.
 */
export const CLASSES = {
  name: '姓名',
  identity_number: '证件号码',
  contact: '联系方式',
  address: '住址',
  account: '户号及用量',
  payment: '缴费记录',
  credential: '登录凭证',
  relation: '家庭与代办关系',
  wish: '本人意愿',
  act: '操作记录',
  work: '工作人员信息',
} as const

/**
 * 3: harm if it leaks, kept only encrypted, as a digest or not at all. 2: points to a person together with other data.
 * 1: work data of staff.
 */
export type Level = 1 | 2 | 3

export interface PersonalColumns {
  readonly table: string
  /** Names, apart by blanks. */
  readonly columns: string
  readonly class: keyof typeof CLASSES
  readonly level: Level
  readonly purpose: string
  readonly kept: string
  /** Why a column of level 3 is not encrypted. */
  readonly plainBecause?: string
}

export const PERSON = 'while the person is registered; erased on request'
export const SERVICE = 'while the household is served by the biller'
export const BOOKS = '30 years, as the books it belongs to'
export const TRAIL = 'with the trail; personal values in it are commitments, their plain text is erased on request'
export const STAFF = 'while employed, then with the trail that names them'
