import { useEffect, useRef, useState } from "react";
import { ApiError, explain } from "../../api/problem";
import { Button, Dialog } from "../../ui/parts";

/** Between two looks at what the camera sees. */
const LOOK_EVERY_MS = 500;
/** Pixels of the longer side of what is sent: a label held before a camera is readable in that. */
const LONGEST = 1280;
const TYPE = "image/jpeg";
const QUALITY = 0.85;

/**
 * Looks through the camera until `judge` finds a code in what it sees, or the dialog is closed. judge: throws
 * ApiError with 422 where there is none.
 */
export function Camera({
  judge,
  onClose,
}: {
  judge: (image: File) => Promise<void>;
  onClose: () => void;
}) {
  const video = useRef<HTMLVideoElement>(null);
  const [problem, setProblem] = useState("");
  const [round, setRound] = useState(0);
  const latest = useRef({ judge, onClose });
  useEffect(() => {
    latest.current = { judge, onClose };
  });

  useEffect(() => {
    const shown = video.current;
    if (shown === null) return;
    let over = false;
    let next: ReturnType<typeof setTimeout> | undefined;
    let stream: MediaStream | null = null;

    const look = async () => {
      const image = await still(shown);
      if (over) return;
      try {
        if (image !== null) {
          await latest.current.judge(image);
          if (!over) latest.current.onClose();
          return;
        }
      } catch (error) {
        if (over) return;
        if (!(error instanceof ApiError && error.status === 422)) {
          setProblem(explain(error));
          return;
        }
      }
      next = setTimeout(() => void look(), LOOK_EVERY_MS);
    };
    const begin = async () => {
      try {
        stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
        if (over) return end(stream);
        shown.srcObject = stream;
        await shown.play();
      } catch {
        if (!over) setProblem("No camera can be used here. Allow it in the browser, or upload a photo.");
        return;
      }
      await look();
    };
    void begin();
    return () => {
      over = true;
      clearTimeout(next);
      if (stream !== null) end(stream);
    };
  }, [round]);

  return (
    <Dialog title="Hold the label before the camera" onClose={onClose}>
      {problem ? (
        <div role="alert" className="space-y-3 text-sm">
          <p className="text-critical">{problem}</p>
          <Button
            onClick={() => {
              setProblem("");
              setRound(round + 1);
            }}
          >
            Try again
          </Button>
        </div>
      ) : (
        <video
          ref={video}
          muted
          playsInline
          className="w-full rounded-md bg-black"
          aria-label="Camera"
        />
      )}
    </Dialog>
  );
}

/** Cameras are there over TLS and on this machine only. */
export function hasCamera(): boolean {
  return typeof navigator !== "undefined" && "mediaDevices" in navigator;
}

function end(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

/** What the camera sees now; null while it sees nothing yet. */
async function still(video: HTMLVideoElement): Promise<File | null> {
  const { videoWidth: width, videoHeight: height } = video;
  if (width === 0 || height === 0) return null;
  const scale = Math.min(1, LONGEST / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.getContext("2d")?.drawImage(video, 0, 0, canvas.width, canvas.height);
  const image = await new Promise<Blob | null>((done) => canvas.toBlob(done, TYPE, QUALITY));
  return image === null ? null : new File([image], "camera.jpg", { type: TYPE });
}
