import { type Random, seededRandom } from '#kernel/random.ts'
import { type BillerConfig, isAccountNo } from '#modules/billing/index.ts'
import { type BillerId, billers, type Estate, town } from './content.ts'

export interface Household {
  readonly name: string
  readonly estate: Estate
  readonly building: number
  readonly unit: number
  readonly floor: number
  readonly door: number
  /** Floor area in m², times 100. */
  readonly area_e2: number
  /** How much this household uses compared with the typical one. */
  readonly thrift: number
  readonly accounts: Readonly<Partial<Record<BillerId, string>>>
}

const SURNAMES = [...'王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕']
const FIRST = [...'文志建国明秀玉桂春丽红晓海永少子雨思佳欣嘉浩宇晨若静淑美立德金锦云瑞月清长世家']
const LAST = [...'华英明芳兰梅强军平伟杰涛洋敏霞萍琴辉斌峰林森轩涵怡然宁安康乐琪琳颖慧勇刚鹏飞']

const pick = <T>(random: Random, from: readonly T[]): T => from[random.int(from.length)]!
const inventName = (random: Random): string =>
  pick(random, SURNAMES) + (random.float() < 0.82 ? pick(random, FIRST) : '') + pick(random, LAST)

const CHECK_CHARACTERS = [...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ']
const CHECK_PAIRS = Array.from({ length: 100 }, (_, i) => String(i).padStart(2, '0'))

/** Adds the check character; undefined for a body the biller never issues (its check would not be one digit). */
export function completeAccountNo(body: string, rule: BillerConfig['account']): string | undefined {
  const tails =
    rule.check === 'iso7064_mod97_10' ? CHECK_PAIRS : rule.check === 'luhn_mod36' ? CHECK_CHARACTERS : CHECK_CHARACTERS.slice(0, 10)
  return tails.map(tail => body + tail).find(text => isAccountNo(text, rule))
}

const digits = (random: Random, count: number): string => Array.from({ length: count }, () => random.int(10)).join('')
const two = (n: number): string => String(n).padStart(2, '0')

/** The telephone of the resident a demonstration can be tried as: of a block that serves examples here. */
export const residentPhone = (seed: string): string => `1370000${digits(seededRandom(`${seed}:resident`), 4)}`

type Place = Pick<Household, 'estate' | 'building' | 'unit' | 'floor' | 'door'>

const BODIES: Readonly<Record<BillerId, (random: Random, at: Place) => string>> = {
  water: random => `10${digits(random, 7)}`,
  power: random => `99${digits(random, 10)}`,
  gas: random => `7${digits(random, 10)}`,
  heating: random => `HR${digits(random, 7)}`,
  telecom: random => `T${digits(random, 8)}${pick(random, [...'ABCDEFGH'])}`,
  property: (_, at) =>
    `${at.estate.community.slice(1)}${at.estate.id.slice(1)}${two(at.building)}${two(at.unit)}${two(at.floor)}${two(at.door)}`,
}

const ISSUE_TRIES_MAX = 50

function issueAccounts(random: Random, at: Place, taken: Set<string>, all: boolean): Household['accounts'] {
  const out: Partial<Record<BillerId, string>> = {}
  for (const b of billers) {
    const chance = b.id === 'heating' ? (at.estate.central_heating ? 0.95 : 0) : b.share_of_households
    if (!all && random.float() >= chance) continue
    for (let tries = 0; tries < ISSUE_TRIES_MAX && out[b.id] === undefined; tries++) {
      const no = completeAccountNo(BODIES[b.id](random, at), b.account)
      if (no === undefined || taken.has(no)) continue
      taken.add(no)
      out[b.id] = no
    }
  }
  return out
}

/** A home that exists once: homes of an estate are numbered through buildings, units, floors and doors. */
function homeOf(estate: Estate, number: number): Place {
  const perFloor = 2
  const units = estate.has_lift ? 2 : 4
  const building = (number % estate.buildings) + 1
  const rest = Math.floor(number / estate.buildings)
  const unit = (rest % units) + 1
  const above = Math.floor(rest / units)
  return {
    estate,
    building,
    unit,
    floor: (above % estate.floors) + 1,
    door: (Math.floor(above / estate.floors) % 90) * perFloor + (above % perFloor) + 1,
  }
}

/** Households over all estates in proportion to their size; the first one lives where the printed example says. */
export function inventHouseholds(count: number, seed: string): Household[] {
  const random = seededRandom(`${seed}:households`)
  const taken = new Set<string>()
  const first = town.estates.find(e => e.zh === '青砖一村') ?? town.estates[0]!
  const sample: Place = { estate: first, building: 3, unit: 2, floor: 4, door: 1 }
  const out: Household[] = [{ ...sample, name: '周桂兰', area_e2: 6120, thrift: 1, accounts: issueAccounts(random, sample, taken, true) }]
  const total = town.estates.reduce((sum, e) => sum + e.households, 0)
  let before = 0
  for (const estate of town.estates) {
    const from = Math.round((before / total) * (count - 1))
    before += estate.households
    const until = Math.round((before / total) * (count - 1))
    for (let home = 0, made = from; made < until; home++) {
      const place = homeOf(estate, home)
      if (estate === first && place.building === 3 && place.unit === 2 && place.floor === 4 && place.door === 1) continue
      made++
      const thrift = Math.exp((random.float() + random.float() + random.float() - 1.5) * 0.7)
      out.push({
        ...place,
        name: inventName(random),
        area_e2: 4200 + random.int(estate.has_lift ? 9000 : 5200),
        thrift,
        accounts: issueAccounts(random, place, taken, false),
      })
    }
  }
  return out
}

export const addressOf = (h: Household): string => `${h.estate.zh}${h.building}幢${h.unit}单元${h.floor}${two(h.door)}`
