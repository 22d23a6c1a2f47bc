import { useState } from "react";
import { Button, Dialog } from "../../ui/parts";

export function NoteDialog(props: {
  title: string;
  action: string;
  initial: string;
  busy: boolean;
  error: string;
  onClose: () => void;
  onSave: (note: string) => void;
}) {
  const [note, setNote] = useState(props.initial);
  return (
    <Dialog title={props.title} onClose={props.onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          props.onSave(note);
        }}
      >
        <textarea
          aria-label={props.title}
          className="field"
          rows={6}
          required
          maxLength={4000}
          value={note}
          onChange={(event) => setNote(event.target.value)}
        />
        <p role="alert" className="mt-2 text-sm text-critical">
          {props.error}
        </p>
        <div className="mt-3 flex justify-end gap-2">
          <Button onClick={props.onClose}>Cancel</Button>
          <Button kind="main" type="submit" disabled={props.busy || !note.trim()}>
            {props.action}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
