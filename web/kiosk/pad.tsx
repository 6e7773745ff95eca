import type { FieldError } from '#web/ui/forms.tsx'
import { usePage } from '#web/ui/page.tsx'
import { Button, Icon } from '#web/ui/parts.tsx'

const DIGITS = ['1', '2', '3', '4', '5', '6', '7', '8', '9'] as const
const LETTERS = Array.from({ length: 26 }, (_, i) => String.fromCharCode(65 + i))

export interface PadProps {
  name: string
  label: string
  digits: number
  go: string
  hint?: string
  value?: string
  hasLetters?: boolean
  errors?: readonly FieldError[]
}

/** A field with keys of its own: no keyboard of the system ever opens. A real keyboard works too. */
export function Pad(props: PadProps) {
  const { t } = usePage()
  const error = props.errors?.find(e => e.field === props.name)?.text
  const key = (text: string) => (
    <button key={text} type="button" class="btn btn--secondary key" data-key={text}>
      {text}
    </button>
  )
  return (
    <div class="pad" data-pad>
      <div class={`field${error ? ' field--error' : ''}`}>
        <label for={props.name}>{props.label}</label>
        {props.hint && (
          <p class="hint" id="pad-hint">
            {props.hint}
          </p>
        )}
        {error && (
          <p class="field__error" id="pad-error">
            {t('error.prefix')}
            {error}
          </p>
        )}
        <input
          type="text"
          class="input pad__shown"
          id={props.name}
          name={props.name}
          value={props.value ?? ''}
          inputMode="none"
          autoComplete="off"
          maxLength={Math.max(props.digits + 4, 12)}
          aria-describedby={[props.hint && 'pad-hint', error && 'pad-error'].filter(Boolean).join(' ') || undefined}
          aria-invalid={!!error}
          autofocus
        />
      </div>
      <div class="pad__keys">
        {DIGITS.map(key)}
        <button type="button" class="btn btn--secondary key" data-key="clear">
          {t('kiosk.pad_clear')}
        </button>
        {key('0')}
        <button type="button" class="btn btn--secondary key" data-key="back" aria-label={t('kiosk.pad_back')}>
          <Icon name="back" />
        </button>
      </div>
      {props.hasLetters && <div class="pad__letters">{LETTERS.map(key)}</div>}
      <Button wide big>
        {props.go}
      </Button>
    </div>
  )
}
