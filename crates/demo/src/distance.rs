//! The distance of each pixel from the nearest outline of a letter.
//!
//! A stroke of width w covers everything that is nearer to an outline than w / 2. So all strokes can be computed from
//! these distances, which are measured once. This is much faster than drawing each stroke around every letter.

use tiny_skia::{Path, PathSegment, Point};

use crate::{HEIGHT, WIDTH};

/// The maximum distance between a curve and the straight lines that approximate it, in pixels.
const TOLERANCE: f32 = 0.05;

/// Measures the distance of every pixel's centre from the nearest outline, in pixels, row by row.
///
/// For a pixel that is farther away than `limit`, the result may be any distance beyond `limit`.
pub(crate) fn measure(letters: &[Path], limit: f32) -> Vec<f32> {
    let mut field = Field::new(limit);
    for letter in letters {
        trace(letter, |from, to| field.add(from, to));
    }
    field.squares.into_iter().map(f32::sqrt).collect()
}

/// The squared distances to the lines so far.
struct Field {
    squares: Vec<f32>,
    limit: f32,
}

impl Field {
    fn new(limit: f32) -> Self {
        let squares = vec![f32::INFINITY; usize::from(WIDTH) * usize::from(HEIGHT)];
        Self { squares, limit }
    }

    /// Adds a line: updates the distances of the pixels near it.
    fn add(&mut self, from: Point, to: Point) {
        let (first, last) = self.span(from.x, to.x, WIDTH);
        let (top, bottom) = self.span(from.y, to.y, HEIGHT);
        let along = to - from;
        let length_squared = along.dot(along).max(f32::MIN_POSITIVE);
        for y in top..bottom {
            let row = &mut self.squares[y * usize::from(WIDTH)..][..usize::from(WIDTH)];
            let dy = y as f32 + 0.5 - from.y;
            for (x, square) in (first..last).zip(&mut row[first..last]) {
                let dx = x as f32 + 0.5 - from.x;
                let part = ((dx * along.x + dy * along.y) / length_squared).clamp(0.0, 1.0);
                let (off_x, off_y) = (dx - part * along.x, dy - part * along.y);
                *square = square.min(off_x * off_x + off_y * off_y);
            }
        }
    }

    /// Returns the first pixel, and the one after the last, that can be within the limit on one axis.
    fn span(&self, a: f32, b: f32, size: u16) -> (usize, usize) {
        // The cast converts negative values to zero.
        let first = (a.min(b) - self.limit).floor() as usize;
        let last = (a.max(b) + self.limit).ceil() as usize;
        (first.min(size.into()), last.min(size.into()))
    }
}

/// Follows an outline in straight lines.
fn trace(outline: &Path, mut line: impl FnMut(Point, Point)) {
    let (mut start, mut at) = (Point::zero(), Point::zero());
    for segment in outline.segments() {
        let from = at;
        match segment {
            PathSegment::MoveTo(to) => (start, at) = (to, to),
            PathSegment::LineTo(to) => at = to,
            PathSegment::QuadTo(by, to) => {
                for point in curve(from, by, to) {
                    line(at, point);
                    at = point;
                }
            }
            PathSegment::CubicTo(..) => unreachable!("`font` draws no cubic curves"),
            PathSegment::Close => at = start,
        }
        if matches!(segment, PathSegment::LineTo(_) | PathSegment::Close) {
            line(from, at);
        }
    }
}

/// Returns points on a quadratic curve, without its first and with its last point.
fn curve(from: Point, by: Point, to: Point) -> impl Iterator<Item = Point> {
    let bend = (from - by) + (to - by);
    let pieces = (bend.length() / 4.0 / TOLERANCE).sqrt().ceil().max(1.0) as usize;
    (1..=pieces).map(move |piece| {
        let t = piece as f32 / pieces as f32;
        let at = |from: f32, by: f32, to: f32| (1.0 - t) * (1.0 - t) * from + 2.0 * t * (1.0 - t) * by + t * t * to;
        Point::from_xy(at(from.x, by.x, to.x), at(from.y, by.y, to.y))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tiny_skia::{PathBuilder, Rect};

    fn distance(distances: &[f32], x: usize, y: usize) -> f32 {
        distances[y * usize::from(WIDTH) + x]
    }

    #[test]
    fn distances_are_measured_to_sides_and_corners() {
        let square = PathBuilder::from_rect(Rect::from_ltrb(50.5, 50.5, 90.5, 90.5).unwrap());

        let distances = measure(&[square], 20.0);

        assert_eq!(distance(&distances, 50, 70), 0.0);
        assert_eq!(distance(&distances, 60, 70), 10.0);
        assert_eq!(distance(&distances, 40, 70), 10.0);
        assert_eq!(distance(&distances, 47, 46), 5.0);
        assert!(distance(&distances, 20, 70) > 20.0);
    }

    #[test]
    fn an_outline_is_closed_by_a_line() {
        let mut path = PathBuilder::new();
        path.move_to(50.5, 50.5);
        path.line_to(90.5, 50.5);
        path.line_to(90.5, 90.5);
        path.close();

        let distances = measure(&[path.finish().unwrap()], 5.0);

        assert_eq!(distance(&distances, 70, 70), 0.0);
    }

    #[test]
    fn a_curve_is_followed_closely() {
        let (from, by, to) = (Point::from_xy(0.0, 0.0), Point::from_xy(50.0, 100.0), Point::from_xy(100.0, 0.0));

        let points: Vec<_> = curve(from, by, to).collect();

        assert_eq!(points.last(), Some(&to));
        assert!(points.iter().any(|point| point.distance(Point::from_xy(50.0, 50.0)) < 5.0));
        for point in points {
            let height = point.x * (100.0 - point.x) / 50.0;
            assert!((point.y - height).abs() < 0.01, "{point:?} is off the curve");
        }
    }

    #[test]
    fn a_line_outside_the_image_is_ignored() {
        let far = PathBuilder::from_rect(Rect::from_ltrb(-900.0, -900.0, -800.0, 900.0).unwrap());
        assert!(measure(&[far], 5.0).into_iter().all(|distance| distance > 5.0));
    }
}
