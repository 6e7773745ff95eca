import { yuan } from '#web/ui/format.ts'
import { type FieldError, PostForm } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import { Banner, Icon, LinkButton } from '#web/ui/parts.tsx'
import { Door, Hello, type KioskPageContext, screen } from './frame.tsx'
import { Pad } from './pad.tsx'
import { kioskPaths } from './paths.ts'

export const START_NOTICES = ['unknown', 'help'] as const
export type StartNotice = (typeof START_NOTICES)[number]

/** The first screen: the code of a bill can be read here already. */
export const startPage = (ctx: KioskPageContext, notice?: StartNotice): string => {
  const say = t(ctx.lang)
  return screen(
    ctx,
    { name: 'start', isEmpty: true, scans: true },
    say('kiosk.title'),
    <>
      <Hello title={say('kiosk.hello')}>
        <p>{say('kiosk.hello_text')}</p>
      </Hello>
      {notice === 'unknown' && (
        <Banner tone="warn" title={say('kiosk.unknown_title')} live>
          <p>{say('kiosk.unknown_text')}</p>
        </Banner>
      )}
      <nav class="kiosk__doors" aria-label={say('kiosk.doors')}>
        <Door href={kioskPaths.scan} icon="scan" title={say('kiosk.scan')} note={say('kiosk.scan_note')} solid />
        <Door href={kioskPaths.number} icon="door-number" title={say('kiosk.number')} note={say('kiosk.number_note')} />
      </nav>
    </>,
  )
}

const SCAN_IDLE_S = 120

/** How to hold the paper; whatever the scanner reads leads on. */
export const scanPage = (ctx: KioskPageContext): string => {
  const say = t(ctx.lang)
  return screen(
    ctx,
    // Looking for the paper takes a while.
    { name: 'scan', scans: true, idle_s: SCAN_IDLE_S },
    say('kiosk.scan'),
    <>
      <Hello title={say('kiosk.scan_title')}>
        <p>{say('kiosk.scan_text')}</p>
      </Hello>
      <div class="scanpic" aria-hidden="true">
        <Icon name="file" />
        <Icon name="scan" />
      </div>
      <div class="kiosk__acts">
        <LinkButton href={kioskPaths.number} kind="secondary" wide>
          {say('kiosk.no_code')}
        </LinkButton>
      </div>
    </>,
  )
}

export interface BillerChoice {
  id: string
  service: string
  name: string
}

export const billerPage = (ctx: KioskPageContext, billers: readonly BillerChoice[]): string => {
  const say = t(ctx.lang)
  return screen(
    ctx,
    { name: 'biller', scans: true },
    say('kiosk.number'),
    <>
      <Hello title={say('kiosk.biller_title')} />
      <nav class="kiosk__list kiosk__list--two" aria-label={say('kiosk.biller_title')}>
        {billers.map(b => (
          <a class="kdoor kdoor--row" key={b.id} href={`${kioskPaths.number}?biller=${encodeURIComponent(b.id)}`}>
            <span>
              <b>{b.service}</b>
              <small>{b.name}</small>
            </span>
            <Icon name="next" />
          </a>
        ))}
      </nav>
    </>,
  )
}

export interface NumberView {
  billerId: string
  service: string
  digits: number
  example: string
  hasLetters: boolean
  value?: string
  errors?: readonly FieldError[]
}

export const numberPage = (ctx: KioskPageContext, view: NumberView): string => {
  const say = t(ctx.lang)
  return screen(
    ctx,
    { name: 'number', scans: true, hasError: !!view.errors },
    say('kiosk.number'),
    <>
      <Hello title={say('kiosk.number_title', { service: view.service })} />
      <PostForm action={kioskPaths.number} class="padform">
        <input type="hidden" name="biller" value={view.billerId} />
        <Pad
          name="account"
          label={say('kiosk.number_label', { digits: view.digits })}
          hint={say('kiosk.number_hint', { example: view.example })}
          digits={view.digits}
          hasLetters={view.hasLetters}
          go={say('kiosk.number_go')}
          value={view.value}
          errors={view.errors}
        />
      </PostForm>
    </>,
  )
}

export interface BillsView {
  service: string
  accountMasked: string
  bills: readonly { code: string; periodLabel: string; amountFen: number; isOverdue: boolean }[]
  /** Shown are the oldest ones; so many more there are. */
  more: number
}

export const billsPage = (ctx: KioskPageContext, view: BillsView): string => {
  const say = t(ctx.lang)
  return screen(
    ctx,
    { name: 'bills', scans: true },
    say('kiosk.bills_title'),
    <>
      <Hello title={say('kiosk.bills_title')}>
        <p>{say('kiosk.bills_text', { service: view.service, account: view.accountMasked })}</p>
      </Hello>
      <PostForm action={kioskPaths.choose} class="kiosk__list">
        {view.bills.map(b => (
          <button type="submit" class="kdoor kdoor--row" key={b.code} name="bill" value={b.code}>
            <span>
              <b>{b.periodLabel}</b>
              {b.isOverdue && <small class="t-bad">{say('kiosk.overdue')}</small>}
            </span>
            <b class="keep">¥{yuan(b.amountFen)}</b>
          </button>
        ))}
      </PostForm>
      {view.more > 0 && <p class="t-2">{say('kiosk.bills_more', { n: view.more })}</p>}
    </>,
  )
}
